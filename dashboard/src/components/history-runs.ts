/** An alert's history with what the collector adds again and again folded into one line. */
import type { HistoryEntry } from '~/api/types';

export interface Run {
  /** The first of them. */
  readonly entry: HistoryEntry;
  readonly count: number;
  readonly lastMs: number;
}

/** What one burst on a PC repeats; everything that a person did stands alone. */
const REPEATED: ReadonlySet<string> = new Set(['finding_added', 'finding_closed']);

/** Neighbours of one kind and one rule are one run, in the order of the history. */
export function runs(history: readonly HistoryEntry[]): Run[] {
  const found: Run[] = [];
  for (const entry of history) {
    const last = found.at(-1);
    if (last !== undefined && continues(last.entry, entry)) {
      found[found.length - 1] = { ...last, count: last.count + 1, lastMs: entry.at_ms };
    } else {
      found.push({ entry, count: 1, lastMs: entry.at_ms });
    }
  }
  return found;
}

function continues(former: HistoryEntry, entry: HistoryEntry): boolean {
  return REPEATED.has(entry.action) && entry.action === former.action && entry.detail['rule'] === former.detail['rule'];
}
