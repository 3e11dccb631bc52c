/** Counts per hour as bars, with the same numbers as a table for those who cannot see bars. */
import { Tooltip, VisuallyHidden } from '@mantine/core';
import { useWords } from '~/i18n';
import { formatDateTime, formatHour, formatNumber, ZONE_LABEL } from '~/util/format';
import classes from './bars.module.css';

export interface Bar {
  readonly startMs: number;
  readonly count: number;
}

interface BarsProps {
  readonly caption: string;
  readonly bars: readonly Bar[];
}

/** An axis label every so many bars: enough to read the time, few enough to breathe. */
const LABEL_EVERY = 4;

export function Bars({ caption, bars }: BarsProps) {
  const { t, language } = useWords();
  const highest = Math.max(1, ...bars.map((bar) => bar.count));
  return (
    <figure className={classes.figure}>
      <div className={classes.scale} aria-hidden>
        <span>{formatNumber(highest, language)}</span>
        <span>0</span>
      </div>
      <div className={classes.plot} aria-hidden>
        {bars.map((bar, index) => (
          <Tooltip
            key={bar.startMs}
            openDelay={0}
            label={`${formatDateTime(bar.startMs).slice(0, 16)} – ${formatNumber(bar.count, language)}`}
          >
            <div className={classes.slot}>
              <div className={classes.column}>
                <div
                  className={classes.bar}
                  data-empty={bar.count === 0 || undefined}
                  style={{ height: `${(bar.count / highest) * 100}%` }}
                />
              </div>
              <span className={classes.hour}>
                {(bars.length - 1 - index) % LABEL_EVERY === 0 ? formatHour(bar.startMs) : ''}
              </span>
            </div>
          </Tooltip>
        ))}
      </div>
      <VisuallyHidden>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              <th>{t('overview.hour', { zone: ZONE_LABEL })}</th>
              <th>{t('overview.events')}</th>
            </tr>
          </thead>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.startMs}>
                <td>{formatDateTime(bar.startMs)}</td>
                <td>{formatNumber(bar.count, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}
