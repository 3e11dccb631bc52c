/** A number in a table that leads to the list it counts; a zero leads nowhere and stays quiet. */
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';
import { useWords } from '~/i18n';
import { formatNumber } from '~/util/format';
import classes from './count.module.css';
import type { Tone } from './palette';

interface CountProps extends ComponentPropsWithRef<'a'> {
  readonly count: number;
  /** Set when it is bad news that there are any. */
  readonly tone?: Tone | undefined;
}

export const Count = createLink(({ count, tone, ...link }: CountProps) => {
  const { language } = useWords();
  if (count === 0) return <span className={classes.zero}>0</span>;
  return (
    <a {...link} className={classes.count} data-tone={tone}>
      {formatNumber(count, language)}
    </a>
  );
});
