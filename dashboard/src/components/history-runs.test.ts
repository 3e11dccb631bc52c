import { expect, test } from 'vitest';
import type { HistoryEntry } from '~/api/types';
import { runs } from './history-runs';

const entry = (action: HistoryEntry['action'], at_ms: number, detail = {}): HistoryEntry => ({
  action,
  at_ms,
  actor: '',
  detail,
});

test('what a burst repeats is one line; what people did stays apart', () => {
  const history = [
    entry('opened', 1),
    entry('finding_added', 2, { rule: 'a' }),
    entry('finding_added', 3, { rule: 'a' }),
    entry('finding_added', 4, { rule: 'b' }),
    entry('comment', 5),
    entry('comment', 6),
    entry('finding_added', 7, { rule: 'b' }),
  ];
  expect(runs(history).map(({ entry: { at_ms: at }, count, lastMs }) => [at, count, lastMs])).toEqual([
    [1, 1, 1],
    [2, 2, 3],
    [4, 1, 4],
    [5, 1, 5],
    [6, 1, 6],
    [7, 1, 7],
  ]);
});
