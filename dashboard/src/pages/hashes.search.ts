/** What the URL of the hash lists may say. */
import type { HashFilters } from '~/api/types';
import { choice, text } from '~/util/search';

export const VERDICTS = ['bad', 'good'] as const;

export interface HashesSearch {
  search?: string | undefined;
  verdict?: (typeof VERDICTS)[number] | undefined;
  /** The hash whose sightings are open beside the list. */
  open?: string | undefined;
}

export function hashesSearch(search: Record<string, unknown>): HashesSearch {
  return { search: text(search, 'search'), verdict: choice(search, 'verdict', VERDICTS), open: text(search, 'open') };
}

/** The question behind the list. */
export function hashesFilters({ open: _open, ...search }: HashesSearch): HashFilters {
  return search;
}
