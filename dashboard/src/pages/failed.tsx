/** What stands in the place of a page that cannot be shown. */
import type { ErrorComponentProps } from '@tanstack/react-router';
import { ApiError } from '~/api/client';
import { useWords } from '~/i18n';
import { TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Failed } from '~/ui/states';
import classes from './failed.module.css';

export function FailedPage({ error, reset }: ErrorComponentProps) {
  const { t } = useWords();
  return (
    <main className={classes.page}>
      <Page title={t('app.name')}>
        <Panel>
          <Failed error={error} onRetry={reset} />
        </Panel>
      </Page>
    </main>
  );
}

export function MissingPage() {
  const { t } = useWords();
  return (
    <main className={classes.page}>
      <Page title={t('app.name')}>
        <Panel>
          <Failed error={new ApiError(404, 'no_such_page')} />
          <p className={classes.way}>
            <TextLink to="/">{t('nav.overview')}</TextLink>
          </p>
        </Panel>
      </Page>
    </main>
  );
}
