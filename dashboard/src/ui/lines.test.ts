import { expect, test } from 'vitest';
import { path, stretches } from './lines';

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

test('a day that stands alone can be seen', () => {
  expect(path([[1, 10]], 3, 10)).toBe('250,2 750,2');
  expect(path([[2, 10]], 3, 10)).toBe('750,2 1000,2');
  expect(path([[0, 0]], 1, 10)).toBe('0,198 1000,198');
});
