/**
 * Words for what the server sends as codes.
 *
 * A code that this page does not know (a newer collector, a newer agent) is shown as such with its
 * parameters: never an empty line, never a guess. Parameters may come from a PC, so they are escaped
 * as hostile text before they enter a sentence.
 */
import type { TFunction } from 'i18next';
import { formatDateTime, formatNumber, type Language } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import { i18n, useWords } from '.';

export interface CodedText {
  readonly code: string;
  readonly params?: unknown;
}

/** Parameters whose values are codes themselves, and where their words stand. */
const CODED_PARAMS: Readonly<Record<string, string>> = {
  action: 'fileActionDone',
  error: 'probeError',
  state: 'reachability',
  origin: 'origin',
  sensor: 'sensor',
  what: 'unsupportedWhat',
  why: 'unsupportedWhy',
  scope: 'blindScope',
  blind_reason: 'blindReason',
  stop_reason: 'stopReason',
  engine: 'switch',
  real_time: 'switch',
  result: 'commandResult',
  remedy: 'remedy',
  remedy_outcome: 'remedyOutcome',
};

/** A code with a number in it, such as `status_502`. */
const NUMBERED = /^(\w+)_(\d+)$/;

/** A code about something with a name, such as `watch:Hồ sơ`: its words stand in the group's `…Of`. */
const NAMED = /^(\w+): ?(.+)$/su;

/** Before the name of a place that is watched on every PC. */
export const STANDARD = 'standard:';

/** The word for a code of a group, or the code itself, escaped. */
export function word(t: TFunction, group: string, code: string): string {
  const key = `${group}.${code}`;
  if (isText(key)) return t(key as 'app.name');
  const [, name, n] = NUMBERED.exec(code) ?? [];
  const numbered = `${group}.${name}_n`;
  if (n !== undefined && isText(numbered)) return t(numbered as 'app.name', { n });
  const [, kind, about] = NAMED.exec(code) ?? [];
  const named = `${group}Of.${kind}`;
  return about !== undefined && isText(named)
    ? t(named as 'app.name', { name: placeName(t, about) })
    : escapeHostile(code);
}

/** A place that is watched on every PC in words, any other name as it is. */
function placeName(t: TFunction, name: string): string {
  const key = `watchPlace.${name.slice(STANDARD.length)}`;
  return name.startsWith(STANDARD) && isText(key) ? t(key as 'app.name') : escapeHostile(name);
}

/** The word for a code of a group with values in it. */
export function phrase(t: TFunction, language: Language, group: string, code: string, params: object): string {
  const key = `${group}.${code}`;
  return isText(key) ? t(key as 'app.name', { ...shownParams(t, language, params) }) : escapeHostile(code);
}

/** Parameters with which a sentence says how many instead of which, in the order in which they count. */
const NUMBERS = ['total', 'more'] as const;

/**
 * The sentence for a code with parameters, or the code with its parameters named. An alert about a `total`
 * and a finding that stands for `more` of its kind have sentences of their own; so may a `reason`.
 */
export function sentence(t: TFunction, language: Language, { code, params }: CodedText): string {
  const shown = shownParams(t, language, params);
  const number: string | undefined = NUMBERS.find((name) => name in shown && isText(`sentence.${code}_${name}`));
  const { reason } = (params ?? {}) as { reason?: unknown };
  const why = typeof reason === 'string' && isText(`sentence.${code}_${reason}`) ? reason : undefined;
  const variant = number ?? why;
  const key = variant === undefined ? `sentence.${code}` : `sentence.${code}_${variant}`;
  if (isText(key)) return t(key as 'app.name', { ...shown });
  const named = Object.entries(shown)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  return named === ''
    ? t('code.unknown', { code: escapeHostile(code) })
    : t('code.unknownWith', { code: escapeHostile(code), params: named });
}

/** The steps for a code, with or without a duty telephone to call; none when the code is unknown. */
export function steps(t: TFunction, code: string, byPhone: boolean): readonly string[] {
  const call = byPhone ? t('call.phone') : t('call.office');
  const Call = `${call.charAt(0).toUpperCase()}${call.slice(1)}`;
  const found: unknown = i18n.exists(`steps.${code}`)
    ? t(`steps.${code}` as 'app.name', { returnObjects: true, call, Call })
    : [];
  return Array.isArray(found) ? found.filter((step) => typeof step === 'string') : [];
}

function isText(key: string): boolean {
  return i18n.exists(key) && typeof i18n.t(key as 'app.name', { returnObjects: true }) === 'string';
}

function shownParams(t: TFunction, language: Language, params: unknown): Record<string, string> {
  if (typeof params !== 'object' || params === null) return {};
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, shownValue(t, language, name, value)]),
  );
}

function shownValue(t: TFunction, language: Language, name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return t('common.unknown');
  if (typeof value === 'number') return name.endsWith('_ms') ? formatDateTime(value) : formatNumber(value, language);
  if (typeof value === 'boolean') return value ? t('common.yes') : t('common.no');
  if (typeof value === 'string') {
    const group = CODED_PARAMS[name];
    return group === undefined ? escapeHostile(value) : word(t, group, value);
  }
  const { text } = value as { text?: unknown };
  return escapeHostile(typeof text === 'string' ? text : JSON.stringify(value));
}

/** The same, bound to the page's language. */
export function useCodes() {
  const { t, language } = useWords();
  return {
    word: (group: string, code: string) => word(t, group, code),
    phrase: (group: string, code: string, params: object) => phrase(t, language, group, code, params),
    sentence: (coded: CodedText) => sentence(t, language, coded),
    steps: (code: string, byPhone: boolean) => steps(t, code, byPhone),
  };
}
