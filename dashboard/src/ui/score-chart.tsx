/** A number over time against thresholds, with the same numbers as a table for those who cannot see lines. */
import { VisuallyHidden } from '@mantine/core';
import { useWords } from '~/i18n';
import { formatDateTime, formatNumber } from '~/util/format';
import type { Tone } from './palette';
import classes from './score-chart.module.css';

export interface ScorePoint {
  readonly atMs: number;
  readonly score: number;
}

export interface Threshold {
  readonly at: number;
  readonly name: string;
  readonly tone: Tone;
}

interface ScoreChartProps {
  readonly caption: string;
  readonly timeTitle: string;
  readonly scoreTitle: string;
  /** In order. */
  readonly points: readonly ScorePoint[];
  readonly thresholds: readonly Threshold[];
}

/** The drawing's own units; it is stretched to the room there is. */
const WIDTH = 1000;
const HEIGHT = 200;
/** Room above the highest, so that its line is not cut. */
const HEADROOM = 1.1;
/** What rises further above the highest threshold is drawn at the top: the thresholds must stay apart. */
const OVER_THRESHOLD = 3;

export function ScoreChart({ caption, timeTitle, scoreTitle, points, thresholds }: ScoreChartProps) {
  const { language } = useWords();
  const reached = Math.max(1, ...points.map(({ score }) => score));
  const threshold = Math.max(0, ...thresholds.map(({ at }) => at));
  const isCut = threshold > 0 && reached > threshold * OVER_THRESHOLD;
  const highest = isCut ? threshold * OVER_THRESHOLD : HEADROOM * Math.max(reached, threshold);
  const [start, end] = [points[0]?.atMs ?? 0, points.at(-1)?.atMs ?? 0];
  return (
    <figure className={classes.figure}>
      <div className={classes.plot} aria-hidden>
        <div className={classes.scale}>
          <span>
            {isCut && '≥ '}
            {formatNumber(Math.floor(highest), language)}
          </span>
          <span>0</span>
        </div>
        <div className={classes.field}>
          {thresholds.map(({ at, name, tone }) => (
            <div
              key={name}
              className={classes.threshold}
              data-tone={tone}
              style={{ bottom: `${(at / highest) * 100}%` }}
            >
              <span>{name}</span>
            </div>
          ))}
          <svg className={classes.drawing} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
            <polygon className={classes.area} points={area(points, highest)} />
            <polyline className={classes.line} points={line(points, highest)} />
          </svg>
        </div>
        <div className={classes.times}>
          <span>{formatDateTime(start)}</span>
          {end > start && <span>{formatDateTime(end)}</span>}
        </div>
      </div>
      <VisuallyHidden>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              <th>{timeTitle}</th>
              <th>{scoreTitle}</th>
            </tr>
          </thead>
          <tbody>
            {points.map(({ atMs, score }, index) => (
              // Two points may share a moment.
              // oxlint-disable-next-line react/no-array-index-key
              <tr key={index}>
                <td>{formatDateTime(atMs)}</td>
                <td>{formatNumber(score, language, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}

/** The line in the drawing's units; a single point is drawn across the whole width. */
export function line(points: readonly ScorePoint[], highest: number): string {
  const [start, end] = [points[0]?.atMs ?? 0, points.at(-1)?.atMs ?? 0];
  const y = (score: number) => round(HEIGHT - Math.min(1, score / highest) * HEIGHT);
  const [only] = points;
  if (only !== undefined && end === start) {
    const top = Math.max(...points.map(({ score }) => score));
    return `0,${y(top)} ${WIDTH},${y(top)}`;
  }
  return points.map(({ atMs, score }) => `${round(((atMs - start) / (end - start)) * WIDTH)},${y(score)}`).join(' ');
}

function area(points: readonly ScorePoint[], highest: number): string {
  return points.length === 0 ? '' : `0,${HEIGHT} ${line(points, highest)} ${WIDTH},${HEIGHT}`;
}

const round = (value: number) => Math.round(value * 10) / 10;
