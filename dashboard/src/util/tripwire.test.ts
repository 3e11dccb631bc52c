import { expect, test } from 'vitest';
import { ALARM_AT, reached, readTripwire, WARN_AT } from './tripwire';

test('evidence is read with its points in points', () => {
  const read = readTripwire({
    level: 'alarm',
    score_milli: 17_200,
    reasons: [{ code: 'canary', count: 2, score_milli: 20_000 }],
    files: [{ path: '/a.khoa', old_path: '/a.docx', reason: 'extension', score_milli: 300, at_ms: 5 }],
    curve: [[1, 500], [2], 'x'],
    processes: [{ pid: 7, executable: { text: '/x\uFFFD', hex: '2f78ff' }, command_line: './x', user: 'lan' }],
    files_touched: 47,
  });
  expect(read).toMatchObject({
    alarm: true,
    score: 17.2,
    touched: 47,
    lost: 0,
    reasons: [{ code: 'canary', count: 2, points: 20 }],
    files: [{ path: { text: '/a.khoa' }, oldPath: { text: '/a.docx' }, points: 0.3 }],
    curve: [{ atMs: 1, score: 0.5 }],
  });
  expect(read.processes[0]?.executable).toEqual({ text: '/x\uFFFD', hex: '2f78ff' });
});

test.each([
  {},
  { reasons: 'x', files: [null, 3], curve: {}, processes: [{}], files_touched: 'many', score_milli: Number.NaN },
])('evidence that cannot be read breaks nothing: %o', (evidence) => {
  expect(readTripwire(evidence)).toMatchObject({ touched: 0, score: 0, files: [], curve: [], over: false });
});

test('the moment of a threshold is the first at which the score stood there', () => {
  const curve = [1, 3, 7, 6, 2].map((score, atMs) => ({ score, atMs }));
  expect(reached(curve, WARN_AT)).toBe(1);
  expect(reached(curve, ALARM_AT)).toBe(2);
  expect(reached(curve, 8)).toBeUndefined();
});
