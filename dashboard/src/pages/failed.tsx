/** What stands in the place of a page that cannot be shown. */
import type { ErrorComponentProps } from '@tanstack/react-router';
import { ApiError } from '~/api/client';
import { useWords } from '~/i18n';
import { TextLink } from '~/ui/link';
import { Failed } from '~/ui/states';

export function FailedPage({ error, reset }: ErrorComponentProps) {
  return (
    <main>
      <Failed error={error} onRetry={reset} />
    </main>
  );
}

export function MissingPage() {
  const { t } = useWords();
  return (
    <main>
      <Failed error={new ApiError(404, 'no_such_page')} />
      <p style={{ textAlign: 'center' }}>
        <TextLink to="/">{t('nav.overview')}</TextLink>
      </p>
    </main>
  );
}
