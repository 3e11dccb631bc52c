/** Names with their counts as bars lying on their side, the greatest the longest; each may lead to a list. */
import type { ReactNode } from 'react';
import { useWords } from '~/i18n';
import { formatNumber } from '~/util/format';
import type { Tone } from './palette';
import classes from './ranked.module.css';

export interface Ranked {
  readonly key: string;
  readonly name: ReactNode;
  readonly count: number;
  /** In place of the bare number. */
  readonly said?: string | undefined;
  readonly tone?: Tone | undefined;
}

interface RankedBarsProps {
  /** Names the list for screen readers, to whom the bars say nothing. */
  readonly label: string;
  readonly bars: readonly Ranked[];
  /** Side by side where there is room for it. */
  readonly wide?: boolean;
}

export function RankedBars({ label, bars, wide = false }: RankedBarsProps) {
  const { language } = useWords();
  const highest = Math.max(1, ...bars.map(({ count }) => count));
  return (
    <ul className={classes.list} data-wide={wide || undefined} aria-label={label}>
      {bars.map(({ key, name, count, said, tone }) => (
        <li key={key} className={classes.item} data-tone={tone}>
          <span className={classes.name}>{name}</span>
          <span className={classes.count}>{said ?? formatNumber(count, language)}</span>
          <span className={classes.track} aria-hidden>
            {count > 0 && <span className={classes.bar} style={{ width: `${(count / highest) * 100}%` }} />}
          </span>
        </li>
      ))}
    </ul>
  );
}
