import { act, renderHook } from '@testing-library/react';
import { expect, test } from 'vitest';
import { useStillRows } from './use-still-rows';

interface Props {
  latest: readonly string[] | undefined;
  scope: string;
}

const start = (latest: readonly string[] | undefined) =>
  renderHook(({ latest: rows, scope }: Props) => useStillRows(rows, (row) => row, scope), {
    initialProps: { latest, scope: 'all' },
  });

test('news waits until it is asked for', () => {
  const { result, rerender } = start(['b', 'c']);
  rerender({ latest: ['a', 'b', 'c'], scope: 'all' });
  expect(result.current.rows).toEqual(['b', 'c']);
  expect(result.current.waiting).toBe(1);
  act(() => result.current.refresh());
  expect(result.current.rows).toEqual(['a', 'b', 'c']);
  expect(result.current.waiting).toBe(0);
});

test('another question keeps the former answer on the page until its own arrives', () => {
  const { result, rerender } = start(['a', 'b']);
  rerender({ latest: undefined, scope: 'other' });
  expect(result.current.rows).toEqual(['a', 'b']);
  expect(result.current.stale).toBe(true);
  rerender({ latest: ['x'], scope: 'other' });
  expect(result.current.rows).toEqual(['x']);
  expect(result.current.stale).toBe(false);
});

test('an empty answer to another question empties the list', () => {
  const { result, rerender } = start(['a']);
  rerender({ latest: [], scope: 'other' });
  expect(result.current.rows).toEqual([]);
});
