/** What the URL of one PC's page may say: the tab, the timelines' filters, the open event. */
import type { EventFilters, FileTimelineFilters } from '~/api/types';
import { choice, text, whole } from '~/util/search';

export const TABS = ['timeline', 'files', 'state', 'ledger'] as const;
export const KINDS = [
  'file',
  'tripwire',
  'antivirus',
  'detection',
  'network',
  'neighbours',
  'probe_state',
  'presence',
  'blind',
  'unsupported',
  'strain',
  'command_result',
  'opaque',
] as const;
/** Whether something explains a change of a file. */
export const EXPLAINED = ['only', 'none'] as const;
export const RANGES = ['hour', 'day', 'week', 'month'] as const;

export type Range = (typeof RANGES)[number];

const HOUR_MS = 3_600_000;
const LENGTHS_MS: Record<Range, number> = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 168 * HOUR_MS,
  month: 720 * HOUR_MS,
};

export interface HostSearch {
  tab?: (typeof TABS)[number] | undefined;
  kind?: (typeof KINDS)[number] | undefined;
  text?: string | undefined;
  range?: Range | undefined;
  /** Where the range began when it was chosen: the question must not change while its answer is read. */
  from?: number | undefined;
  /** Of the files: under this watch. */
  watch?: string | undefined;
  explained?: (typeof EXPLAINED)[number] | undefined;
  event?: string | undefined;
}

export function hostSearch(search: Record<string, unknown>): HostSearch {
  const from = whole(search, 'from');
  return {
    tab: choice(search, 'tab', TABS),
    kind: choice(search, 'kind', KINDS),
    text: text(search, 'text'),
    range: from === undefined ? undefined : choice(search, 'range', RANGES),
    from,
    watch: text(search, 'watch'),
    explained: choice(search, 'explained', EXPLAINED),
    event: text(search, 'event'),
  };
}

/** The question behind the timeline. */
export function eventFilters({ kind, text: words, from }: HostSearch): EventFilters {
  return { kind, text: words, from_ms: from };
}

/** The question behind the timeline of files. */
export function fileFilters({ text: words, watch, explained }: HostSearch): FileTimelineFilters {
  return { q: words, watch, explained };
}

/** The start of a range, seen from `now`. */
export function startOf(range: Range | undefined, now: number): number | undefined {
  return range === undefined ? undefined : now - LENGTHS_MS[range];
}
