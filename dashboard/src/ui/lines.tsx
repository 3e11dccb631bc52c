/** A few numbers over days as lines, with the same numbers as a table for those who cannot see lines. */
import { VisuallyHidden } from '@mantine/core';
import { useWords } from '~/i18n';
import { formatNumber } from '~/util/format';
import classes from './lines.module.css';
import type { Tone } from './palette';

export interface Line {
  readonly name: string;
  readonly tone: Tone;
  /** One for each day; `null` where nobody counted. */
  readonly values: readonly (number | null)[];
}

interface LinesProps {
  readonly caption: string;
  /** What each day is called, the oldest first. */
  readonly days: readonly string[];
  readonly lines: readonly Line[];
}

/** The drawing's own units; it is stretched to the room there is. */
const WIDTH = 1000;
const HEIGHT = 200;

/** Colour is never the only sign: each line has a dash of its own. */
const DASHES = ['', '7 4', '2 4'];

export function Lines({ caption, days, lines }: LinesProps) {
  const { language } = useWords();
  const highest = Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const middle = days[Math.floor((days.length - 1) / 2)];
  return (
    <figure className={classes.figure}>
      <ul className={classes.legend} aria-hidden>
        {lines.map(({ name, tone }, index) => (
          <li key={name} data-tone={tone}>
            <svg width="28" height="8" viewBox="0 0 28 8">
              <line x1="0" y1="4" x2="28" y2="4" className={classes.line} strokeDasharray={DASHES[index]} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <div className={classes.plot} aria-hidden>
        <div className={classes.scale}>
          <span>{formatNumber(highest, language)}</span>
          <span>0</span>
        </div>
        <svg className={classes.drawing} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
          {lines.map(({ name, tone, values }, index) =>
            stretches(values).map((points) => (
              <polyline
                key={`${name} ${points[0]?.[0]}`}
                data-tone={tone}
                className={classes.line}
                strokeDasharray={DASHES[index]}
                points={path(points, days.length, highest)}
              />
            )),
          )}
        </svg>
        <div className={classes.days}>
          <span>{days[0]}</span>
          {days.length > 2 && <span>{middle}</span>}
          {days.length > 1 && <span>{days.at(-1)}</span>}
        </div>
      </div>
      <VisuallyHidden>
        <NumbersTable caption={caption} days={days} lines={lines} />
      </VisuallyHidden>
    </figure>
  );
}

type Point = readonly [day: number, value: number];

/** The runs of days that were counted; a day without a number is a gap in the line, not a zero. */
export function stretches(values: readonly (number | null)[]): Point[][] {
  const found: Point[][] = [];
  let open: Point[] | undefined;
  for (const [day, value] of values.entries()) {
    if (value === null) {
      open = undefined;
    } else if (open === undefined) {
      open = [[day, value]];
      found.push(open);
    } else {
      open.push([day, value]);
    }
  }
  return found;
}

/** A day between two without a number has no length: it is drawn across its share of the width. */
export function path(points: readonly Point[], days: number, highest: number): string {
  const share = days === 1 ? WIDTH : WIDTH / (days - 1);
  const at = ([day, value]: Point, aside: number) => {
    const x = days === 1 ? WIDTH * (0.5 + aside) : day * share + aside * share;
    return `${Math.min(WIDTH, Math.max(0, x))},${HEIGHT - (value / highest) * (HEIGHT - 4) - 2}`;
  };
  const [only, second] = points;
  if (only !== undefined && second === undefined) return `${at(only, -0.5)} ${at(only, 0.5)}`;
  return points.map((point) => at(point, 0)).join(' ');
}

function NumbersTable({ caption, days, lines }: LinesProps) {
  const { t, language } = useWords();
  return (
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th>{t('coverage.day')}</th>
          {lines.map(({ name }) => (
            <th key={name}>{name}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days.map((day, index) => (
          <tr key={day}>
            <td>{day}</td>
            {lines.map(({ name, values }) => {
              const value = values[index] ?? null;
              return <td key={name}>{value === null ? t('common.unknown') : formatNumber(value, language)}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
