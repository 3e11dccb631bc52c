import { expect, test } from 'vitest';
import { stretches } from './lines';

test('a day on which nobody counted is a gap, not a zero', () => {
  expect(stretches([1, 2, null, 0])).toEqual([
    [
      [0, 1],
      [1, 2],
    ],
    [[3, 0]],
  ]);
  expect(stretches([null])).toEqual([]);
});
