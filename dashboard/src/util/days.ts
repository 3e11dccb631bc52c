/** Days as `2026-11-30`, in Vietnamese time whatever the browser's own zone is. */
import { formatDate } from './format';

const DAY_MS = 86_400_000;
/** Vietnam has no summer time. */
const OFFSET = '+07:00';

/** Whether it is a day of the calendar. */
export function isDay(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const ms = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value);
}

/** The day in Vietnam at a moment. */
export function today(now: number): string {
  const [day, month, year] = formatDate(now).split('/');
  return `${year}-${month}-${day}`;
}

export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);
}

/** The first and the last day of a day's month, or of the month so many months away. */
export function monthOf(day: string, away = 0): { from: string; to: string } {
  const [year = 0, month = 0] = day.split('-').map(Number);
  const iso = (monthIndex: number, of: number) => new Date(Date.UTC(year, monthIndex, of)).toISOString().slice(0, 10);
  return { from: iso(month - 1 + away, 1), to: iso(month + away, 0) };
}

/** When a day is over in Vietnam, milliseconds since 1970. */
export function endOf(day: string): number {
  return Date.parse(`${day}T00:00:00${OFFSET}`) + DAY_MS - 1;
}

/** `30/11/2026`. */
export function shownDay(day: string): string {
  return day.split('-').toReversed().join('/');
}
