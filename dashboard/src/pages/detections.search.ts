/** What the URL of the malware detections may say. */
import type { DetectionFilters } from '~/api/types';
import { choice, text, whole } from '~/util/search';
import { RANGES } from './host.search';

export const OUTCOMES = ['pending', 'failed', 'succeeded', 'unknown'] as const;

export interface DetectionsSearch {
  search?: string | undefined;
  unit?: number | undefined;
  host?: number | undefined;
  outcome?: (typeof OUTCOMES)[number] | undefined;
  threat?: string | undefined;
  range?: (typeof RANGES)[number] | undefined;
  /** Where the range began when it was chosen: the question must not change while its answer is read. */
  from?: number | undefined;
  /** The detection that is open beside the list. */
  open?: number | undefined;
}

export function detectionsSearch(search: Record<string, unknown>): DetectionsSearch {
  const from = whole(search, 'from');
  return {
    search: text(search, 'search'),
    unit: whole(search, 'unit'),
    host: whole(search, 'host'),
    outcome: choice(search, 'outcome', OUTCOMES),
    threat: text(search, 'threat'),
    range: from === undefined ? undefined : choice(search, 'range', RANGES),
    from,
    open: whole(search, 'open'),
  };
}

/** The question behind the list. */
export function detectionsFilters({ range: _range, from, open: _open, ...search }: DetectionsSearch): DetectionFilters {
  return { ...search, from_ms: from };
}
