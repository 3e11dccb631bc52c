import { expect, test } from 'vitest';
import { addDays, endOf, isDay, monthOf, shownDay, today } from './days';

test('a day begins at midnight in Vietnam, not in London', () => {
  expect(today(Date.UTC(2026, 10, 30, 16, 59))).toBe('2026-11-30');
  expect(today(Date.UTC(2026, 10, 30, 17, 0))).toBe('2026-12-01');
  expect(endOf('2026-11-30')).toBe(Date.UTC(2026, 10, 30, 17, 0) - 1);
});

test('days are counted over months and years', () => {
  expect(addDays('2026-12-31', 1)).toBe('2027-01-01');
  expect(addDays('2028-03-01', -1)).toBe('2028-02-29');
});

test('a month has a first and a last day', () => {
  expect(monthOf('2028-02-10')).toEqual({ from: '2028-02-01', to: '2028-02-29' });
  expect(monthOf('2027-01-10', -1)).toEqual({ from: '2026-12-01', to: '2026-12-31' });
});

test.each([
  ['2026-11-30', true],
  ['2026-02-30', false],
  ['2026-13-01', false],
  ['30/11/2026', false],
  ['', false],
])('whether "%s" is a day: %s', (value, is) => {
  expect(isDay(value)).toBe(is);
});

test('a day is shown as Vietnamese offices write it', () => {
  expect(shownDay('2026-11-30')).toBe('30/11/2026');
});
