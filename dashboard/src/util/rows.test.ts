import { expect, test } from 'vitest';
import { merge, present } from './rows';

interface Row {
  id: string;
  value: number;
}

const row = (id: string, value = 0): Row => ({ id, value });
const idOf = (each: Row) => each.id;
const ids = (rows: readonly Row[]) => rows.map(idOf).join('');

test('an empty list simply shows what arrives', () => {
  expect(merge(present<Row>([]), [row('a')], idOf).rows).toEqual([row('a')]);
});

test('rows keep their place and get their new values', () => {
  const shown = merge(present([row('a'), row('b')]), [row('b', 7), row('a', 8)], idOf);
  expect(shown.rows).toEqual([row('a', 8), row('b', 7)]);
  expect(shown.waiting).toBe(0);
});

test('what is new above or between waits behind a count', () => {
  const shown = merge(present([row('b'), row('d')]), [row('a'), row('b'), row('c'), row('d')], idOf);
  expect(ids(shown.rows)).toBe('bd');
  expect(shown.waiting).toBe(2);
});

test('the next page is appended', () => {
  const shown = merge(present([row('a'), row('b')]), [row('a'), row('b'), row('c')], idOf);
  expect(ids(shown.rows)).toBe('abc');
  expect(shown.waiting).toBe(0);
});

test('a row that left the list stays in its place, marked', () => {
  const shown = merge(present([row('a'), row('b')]), [row('b')], idOf);
  expect(ids(shown.rows)).toBe('ab');
  expect([...shown.gone]).toEqual(['a']);
});

test('a wholly new list waits rather than replacing what is read', () => {
  const shown = merge(present([row('a')]), [row('x'), row('y')], idOf);
  expect(ids(shown.rows)).toBe('a');
  expect(shown.waiting).toBe(2);
});
