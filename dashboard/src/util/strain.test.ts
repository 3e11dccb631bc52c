import { expect, test } from 'vitest';
import { amountOf } from './strain';

test.each([
  ['cpu', 610, '61\u00A0%'],
  ['cpu', 55, '5,5\u00A0%'],
  ['memory', 64 * 2 ** 20, '64\u00A0MiB'],
  ['disk', 100 * 2 ** 20, '100\u00A0MiB/giây'],
  ['from_the_future', 1200, '1.200'],
])('%s of %d is %s', (budget, value, said) => {
  expect(amountOf(budget, value, 'vi')).toBe(said);
});
