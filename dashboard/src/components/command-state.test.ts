import { expect, test } from 'vitest';
import { stateOf } from './command-state';

const NOW = 1_000;

test.each([
  [{ done: null, sent_ms: null, expires_ms: 2_000 }, 'ordered'],
  [{ done: null, sent_ms: 500, expires_ms: 2_000 }, 'sent'],
  [{ done: null, sent_ms: 500, expires_ms: 900 }, 'lapsed'],
  [{ done: null, sent_ms: null, expires_ms: 900 }, 'lapsed'],
  [{ done: true, sent_ms: 500, expires_ms: 900 }, 'done'],
  [{ done: false, sent_ms: 500, expires_ms: 2_000 }, 'failed'],
] as const)('%j is %s', (command, state) => {
  expect(stateOf(command, NOW)).toBe(state);
});
