/** What the URLs of the coverage pages may say. */
import type { CertificateFilters, CoverageFilters, ReportFilters } from '~/api/types';
import { addDays, isDay, monthOf, today } from '~/util/days';
import { choice, text, whole } from '~/util/search';

/** Within how many days a PC must have been heard of to count as seen; the collector's own choice is 7. */
export const DAYS = [1, 3, 7, 14, 30, 60, 90] as const;
export const DAYS_DEFAULT = 7;
const DAYS_MAX = 90;

export const LISTS = [
  'registered',
  'seen',
  'protected',
  'unprotected',
  'not_seen',
  'not_enrolled',
  'not_in_register',
  'outdated',
  'mismatch',
  'excepted',
] as const;
export type List = (typeof LISTS)[number];

export const HISTORIES = ['month', 'quarter', 'year'] as const;
const HISTORY_DAYS: Record<(typeof HISTORIES)[number], number> = { month: 30, quarter: 90, year: 365 };

export const EXCEPTION_STATES = ['current', 'over', 'all'] as const;
export const MACHINE_LISTS = ['unmanaged', 'gateway', 'marked', 'all'] as const;

export interface CoverageSearch {
  unit?: number | undefined;
  days?: number | undefined;
  history?: (typeof HISTORIES)[number] | undefined;
}

export interface PcsSearch {
  unit?: number | undefined;
  days?: number | undefined;
  of?: List | undefined;
  search?: string | undefined;
}

export interface ExceptionsSearch {
  unit?: number | undefined;
  state?: (typeof EXCEPTION_STATES)[number] | undefined;
  search?: string | undefined;
}

export interface MachinesSearch {
  unit?: number | undefined;
  of?: (typeof MACHINE_LISTS)[number] | undefined;
  search?: string | undefined;
}

export interface ReportSearch {
  unit?: number | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface CertificateSearch {
  unit?: number | undefined;
  days?: number | undefined;
}

type Raw = Record<string, unknown>;

function days(search: Raw): number | undefined {
  const value = whole(search, 'days');
  return value === undefined || value > DAYS_MAX ? undefined : value;
}

function day(search: Raw, name: string): string | undefined {
  const value = text(search, name);
  return value !== undefined && isDay(value) ? value : undefined;
}

export const coverageSearch = (search: Raw): CoverageSearch => ({
  unit: whole(search, 'unit'),
  days: days(search),
  history: choice(search, 'history', HISTORIES),
});

export const pcsSearch = (search: Raw): PcsSearch => ({
  unit: whole(search, 'unit'),
  days: days(search),
  of: choice(search, 'of', LISTS),
  search: text(search, 'search'),
});

export const exceptionsSearch = (search: Raw): ExceptionsSearch => ({
  unit: whole(search, 'unit'),
  state: choice(search, 'state', EXCEPTION_STATES),
  search: text(search, 'search'),
});

export const machinesSearch = (search: Raw): MachinesSearch => ({
  unit: whole(search, 'unit'),
  of: choice(search, 'of', MACHINE_LISTS),
  search: text(search, 'search'),
});

export const reportSearch = (search: Raw): ReportSearch => ({
  unit: whole(search, 'unit'),
  from: day(search, 'from'),
  to: day(search, 'to'),
});

export const certificateSearch = (search: Raw): CertificateSearch => ({
  unit: whole(search, 'unit'),
  days: days(search),
});

/** The question behind the numbers. */
export const coverageFilters = ({ unit, days: within }: CoverageSearch): CoverageFilters => ({ unit, days: within });

/** The question behind the history: up to today. */
export function historyFilters({ unit, history = 'month' }: CoverageSearch, now: number) {
  const to = today(now);
  return { unit, from: addDays(to, 1 - HISTORY_DAYS[history]), to };
}

/** The question behind the report: this month unless the URL says otherwise. */
export function reportFilters({ unit, from, to }: ReportSearch, now: number): ReportFilters {
  const month = monthOf(today(now));
  return { unit, from: from ?? month.from, to: to ?? today(now) };
}

/** The question behind a certificate; there is none without a unit. */
export function certificateFilters({ unit, days: within }: CertificateSearch): CertificateFilters | undefined {
  return unit === undefined ? undefined : { unit, days: within };
}
