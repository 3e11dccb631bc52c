/** What the URLs of the protection pages may say. */
import type { HostFilters } from '~/api/types';
import { choice, text, whole } from '~/util/search';
import { PROTECTIONS } from './hosts.search';

/** Ages that are asked for, in days: a warning, a grave fault, outdated, forgotten. */
export const AGES = [3, 7, 15, 30] as const;

/** Why a PC may not be protected, as the collector's codes; others can stand in the URL too. */
export const REASONS = [
  'missing',
  'stopped',
  'crashed',
  'not_answering',
  'no_permission',
  'snoozed',
  'expired',
  'off',
  'real_time_off',
  'passive',
  'definitions_old',
  'definitions_stale',
  'definitions_unknown',
  'installed_only',
  'unknown',
] as const;

export interface ProtectionSearch {
  unit?: number | undefined;
}

export interface ProtectionPcsSearch extends ProtectionSearch {
  search?: string | undefined;
  protection?: (typeof PROTECTIONS)[number] | undefined;
  product?: string | undefined;
  reason?: string | undefined;
  /** Definitions older than so many days. */
  older?: number | undefined;
}

export function protectionSearch(search: Record<string, unknown>): ProtectionSearch {
  return { unit: whole(search, 'unit') };
}

export function protectionPcsSearch(search: Record<string, unknown>): ProtectionPcsSearch {
  return {
    unit: whole(search, 'unit'),
    search: text(search, 'search'),
    protection: choice(search, 'protection', PROTECTIONS),
    product: text(search, 'product'),
    reason: text(search, 'reason'),
    older: whole(search, 'older'),
  };
}

/** The question behind the list: PCs under management, as the matrix counts them. */
export function protectionPcsFilters({ older, ...search }: ProtectionPcsSearch): HostFilters {
  return { ...search, status: 'active', definitions_older_than_days: older };
}
