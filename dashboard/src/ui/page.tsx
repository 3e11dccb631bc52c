/** The head of a page: its name, where it stands, what can be done; it also names the browser tab. */
import { Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { useWords } from '~/i18n';
import { escapeHostile } from '~/util/hostile';
import classes from './page.module.css';

interface PageProps {
  /** Plain text for the tab; also the heading unless `heading` says it better. */
  readonly title: string;
  readonly heading?: ReactNode;
  readonly above?: ReactNode;
  readonly below?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, heading, above, below, actions, children }: PageProps) {
  const { t } = useWords();
  const shown = escapeHostile(title);
  useEffect(() => {
    document.title = `${shown} · ${t('app.name')}`;
  }, [shown, t]);
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div className={classes.names}>
          {above}
          <Title order={1}>{heading ?? shown}</Title>
          {below}
        </div>
        {actions !== undefined && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
