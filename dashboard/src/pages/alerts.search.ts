/** What the URL of the alerts' queue may say; what is not resolved is shown unless it says otherwise. */
import type { AlertFilters } from '~/api/types';
import { choice, text, whole } from '~/util/search';

export const STATES = ['open', 'acknowledged', 'resolved'] as const;
export const CATEGORIES = [
  'protection',
  'malware',
  'outbreak',
  'updates',
  'files',
  'ransomware',
  'network',
  'presence',
  'ledger',
  'identity',
] as const;
export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;

export interface AlertSearch {
  state?: (typeof STATES)[number] | undefined;
  severity?: (typeof SEVERITIES)[number] | undefined;
  category?: (typeof CATEGORIES)[number] | undefined;
  unit?: number | undefined;
  host?: number | undefined;
  search?: string | undefined;
}

export function alertSearch(search: Record<string, unknown>): AlertSearch {
  return {
    state: choice(search, 'state', STATES),
    severity: choice(search, 'severity', SEVERITIES),
    category: choice(search, 'category', CATEGORIES),
    unit: whole(search, 'unit'),
    host: whole(search, 'host'),
    search: text(search, 'search'),
  };
}

export function alertFilters(search: AlertSearch): AlertFilters {
  return { ...search, state: search.state ?? 'active' };
}
