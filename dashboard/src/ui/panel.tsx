/** A titled surface: the building block of every page. */
import { Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';
import classes from './panel.module.css';

interface PanelProps {
  readonly title?: string;
  /** Beside the title: a count, a filter, a link. */
  readonly aside?: ReactNode;
  /** Tables and lists bring their own padding. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Panel({ title, aside, flush = false, children }: PanelProps) {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <header className={classes.header}>
          <Title order={2} id={id}>
            {title}
          </Title>
          {aside}
        </header>
      )}
      <div className={flush ? undefined : classes.body}>{children}</div>
    </section>
  );
}
