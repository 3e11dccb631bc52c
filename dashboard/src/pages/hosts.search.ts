/** What the URL of the list of PCs may say. */
import { choice, flag, text, whole } from '~/util/search';

export const STATUSES = ['active', 'pending'] as const;
export const CONNECTIONS = ['connected', 'seen', 'silent', 'never'] as const;
export const PROTECTIONS = ['protected', 'stale', 'off', 'missing', 'unknown'] as const;
export const SORTS = ['name', 'last_seen', 'unit'] as const;

export interface HostsSearch {
  search?: string | undefined;
  unit?: number | undefined;
  status?: (typeof STATUSES)[number] | undefined;
  connection?: (typeof CONNECTIONS)[number] | undefined;
  protection?: (typeof PROTECTIONS)[number] | undefined;
  missing?: true | undefined;
  sort?: (typeof SORTS)[number] | undefined;
}

export function hostsSearch(search: Record<string, unknown>): HostsSearch {
  return {
    search: text(search, 'search'),
    unit: whole(search, 'unit'),
    status: choice(search, 'status', STATUSES),
    connection: choice(search, 'connection', CONNECTIONS),
    protection: choice(search, 'protection', PROTECTIONS),
    missing: flag(search, 'missing'),
    sort: choice(search, 'sort', SORTS),
  };
}
