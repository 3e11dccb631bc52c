/**
 * Times and numbers as Vietnamese offices write them.
 *
 * Every time is shown in Vietnamese time whatever the browser's own zone is: two analysts who talk
 * about "08:15" must mean the same moment. Vietnam has no summer time, so the zone is a constant.
 */

/** The one zone of the dashboard. */
export const ZONE = 'Asia/Ho_Chi_Minh';

/** How that zone is shown beside times. */
export const ZONE_LABEL = 'UTC+7';

/** The interface's languages; Vietnamese is the first. */
export type Language = 'vi' | 'en';

const LOCALES: Record<Language, string> = { vi: 'vi-VN', en: 'en-US' };

const PARTS = new Intl.DateTimeFormat('en-GB', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

function partsOf(ms: number): Record<Part, string> {
  const parts: Record<string, string> = {};
  for (const { type, value } of PARTS.formatToParts(ms)) parts[type] = value;
  return parts as Record<Part, string>;
}

/** `23/11/2026 08:15:07`. */
export function formatDateTime(ms: number): string {
  const { year, month, day, hour, minute, second } = partsOf(ms);
  return `${day}/${month}/${year} ${hour}:${minute}:${second}`;
}

/** `23/11/2026`. */
export function formatDate(ms: number): string {
  const { year, month, day } = partsOf(ms);
  return `${day}/${month}/${year}`;
}

/** `08:15`, for axes. */
export function formatHour(ms: number): string {
  const { hour, minute } = partsOf(ms);
  return `${hour}:${minute}`;
}

/** `4.239` in Vietnamese, `4,239` in English. */
export function formatNumber(value: number, language: Language, fractionDigits = 0): string {
  return new Intl.NumberFormat(LOCALES[language], {
    minimumFractionDigits: fractionDigits,
    maximumFractionDigits: fractionDigits,
  }).format(value);
}

/** `27,75 %` in Vietnamese (with a space that does not break), `27.75%` in English. */
export function formatShare(part: number, whole: number, language: Language): string | null {
  if (whole <= 0) return null;
  const percent = formatNumber(roundTowardsDoubt((part / whole) * 100), language, 2);
  return language === 'vi' ? `${percent}\u00A0%` : `${percent}%`;
}

/** 99.996 % must not be shown as 100 %: someone is still unprotected. */
function roundTowardsDoubt(percent: number): number {
  return Math.floor(percent * 100 + 1e-9) / 100;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** `5 phút trước`; the exact time stands beside it or in its tooltip. */
export function formatAgo(ms: number, now: number, language: Language): string {
  const words = new Intl.RelativeTimeFormat(LOCALES[language], { numeric: 'auto' });
  const difference = ms - now;
  for (const [unit, size] of UNITS) {
    if (Math.abs(difference) >= size) return words.format(Math.trunc(difference / size), unit);
  }
  return words.format(Math.trunc(difference / 1000), 'second');
}

const LENGTHS: Record<Language, readonly string[]> = {
  vi: ['ms', 'giây', 'phút', 'giờ', 'ngày'],
  en: ['ms', 's', 'min', 'h', 'days'],
};

/** `12 ms`, `1,5 giây`, `3 phút`: a length of time in its natural unit. */
export function formatDuration(ms: number, language: Language): string {
  const [millisecond, second, minute, hour, day] = LENGTHS[language];
  const show = (value: number, digits: number, unit: string | undefined) =>
    `${formatNumber(value, language, digits)}\u00A0${unit}`;
  if (ms < 1000) return show(ms, ms < 10 && !Number.isInteger(ms) ? 1 : 0, millisecond);
  if (ms < 60_000) return show(ms / 1000, Number.isInteger(ms / 1000) ? 0 : 1, second);
  if (ms < 3_600_000) return show(Math.floor(ms / 60_000), 0, minute);
  if (ms < 86_400_000) return show(Math.floor(ms / 3_600_000), 0, hour);
  return show(Math.floor(ms / 86_400_000), 0, day);
}

/** `3,4 MB`. */
export function formatBytes(bytes: number, language: Language): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${formatNumber(value, language, unit === 0 ? 0 : 1)}\u00A0${units[unit]}`;
}
