/**
 * The evidence of a ransomware finding, read from what the rule wrote down.
 *
 * It is typed loosely on the wire, as all evidence is. What cannot be read is left out rather than guessed.
 */

/** Here the agent warns, and here it raises the alarm. */
export const WARN_AT = 3;
export const ALARM_AT = 6;

export interface TripwireFile {
  readonly path: PathText;
  readonly oldPath: PathText | undefined;
  readonly reason: string;
  readonly points: number;
  readonly atMs: number;
}

export interface PathText {
  readonly text: string;
  readonly hex: string | undefined;
}

export interface TripwireProcess {
  readonly pid: number | undefined;
  readonly executable: PathText;
  readonly commandLine: PathText;
  readonly user: string;
}

export interface ScoreAt {
  readonly atMs: number;
  readonly score: number;
}

export interface Tripwire {
  readonly alarm: boolean;
  readonly score: number;
  readonly slowScore: number;
  readonly reasons: readonly { readonly code: string; readonly count: number; readonly points: number }[];
  readonly files: readonly TripwireFile[];
  readonly curve: readonly ScoreAt[];
  /** The one that did it first, then its ancestors. */
  readonly processes: readonly TripwireProcess[];
  readonly user: string;
  readonly volume: string;
  readonly touched: number;
  readonly lost: number;
  readonly canaries: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly over: boolean;
}

type Loose = Readonly<Record<string, unknown>>;

export function readTripwire(evidence: Loose): Tripwire {
  return {
    alarm: evidence['level'] !== 'warning',
    score: number(evidence['score_milli']) / 1000,
    slowScore: number(evidence['slow_score_milli']) / 1000,
    reasons: list(evidence['reasons']).map((reason) => ({
      code: text(reason['code']),
      count: number(reason['count']),
      points: number(reason['score_milli']) / 1000,
    })),
    files: list(evidence['files']).map((file) => ({
      path: path(file, 'path') ?? { text: '', hex: undefined },
      oldPath: path(file, 'old_path'),
      reason: text(file['reason']),
      points: number(file['score_milli']) / 1000,
      atMs: number(file['at_ms']),
    })),
    curve: pairs(evidence['curve']).map(([atMs, score]) => ({ atMs: number(atMs), score: number(score) / 1000 })),
    processes: list(evidence['processes']).map((process) => ({
      pid: typeof process['pid'] === 'number' ? process['pid'] : undefined,
      executable: path(process, 'executable') ?? { text: '', hex: undefined },
      commandLine: path(process, 'command_line') ?? { text: '', hex: undefined },
      user: text(process['user']),
    })),
    user: text(evidence['user']),
    volume: path(evidence, 'volume')?.text ?? '',
    touched: number(evidence['files_touched']),
    lost: number(evidence['files_lost']),
    canaries: number(evidence['canaries_touched']),
    firstMs: number(evidence['first_ms']),
    lastMs: number(evidence['last_ms']),
    over: evidence['over'] === true,
  };
}

/** When the score first stood at a threshold, if it ever did. */
export function reached(curve: readonly ScoreAt[], threshold: number): number | undefined {
  return curve.find(({ score }) => score >= threshold)?.atMs;
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.filter((each): each is Loose => typeof each === 'object' && each !== null) : [];
}

/** The curve is the longest of it all, so its points are pairs without names. */
function pairs(value: unknown): readonly (readonly unknown[])[] {
  return Array.isArray(value)
    ? value.filter((each): each is unknown[] => Array.isArray(each) && each.length === 2)
    : [];
}

/** A path is plain text with its bytes beside it, or text and bytes in one object. */
function path(of: Loose, name: string): PathText | undefined {
  const value = of[name];
  if (typeof value === 'object' && value !== null) {
    const { text: own, hex } = value as Loose;
    return { text: text(own), hex: typeof hex === 'string' ? hex : undefined };
  }
  if (typeof value !== 'string') return undefined;
  const hex = of[`${name}_hex`];
  return { text: value, hex: value.includes('\uFFFD') && typeof hex === 'string' ? hex : undefined };
}
