import { expect, test } from 'vitest';
import { inTreeOrder, unfolded } from './unit-tree';

const unit = (id: number, parent: number | null, name: string) => ({ id, parent_id: parent, name });

const PROVINCE = [
  unit(3, 1, 'Đông Sơn'),
  unit(2, 1, 'Dương Liễu'),
  unit(1, null, 'Tỉnh'),
  unit(5, 3, 'Thôn 10'),
  unit(4, 3, 'Thôn 2'),
];

test('parents come before their children, brothers by Vietnamese order', () => {
  const shown = inTreeOrder(PROVINCE).map(({ unit: { name }, depth }) => `${'-'.repeat(depth)}${name}`);
  expect(shown).toEqual(['Tỉnh', '-Dương Liễu', '-Đông Sơn', '--Thôn 2', '--Thôn 10']);
});

test('a unit whose parent is out of sight stands at the top', () => {
  expect(inTreeOrder([unit(7, 1, 'Sở Nội vụ')])).toHaveLength(1);
});

test.each([
  [
    [1, 3],
    ['Tỉnh', 'Dương Liễu', 'Đông Sơn', 'Thôn 2', 'Thôn 10'],
  ],
  [[1], ['Tỉnh', 'Dương Liễu', 'Đông Sơn']],
  // An open branch of a folded one is folded with it.
  [[3], ['Tỉnh']],
])('with %j open, the rows are %j', (open, names) => {
  const rows = unfolded(inTreeOrder(PROVINCE), (row) => open.includes(row.unit.id));
  expect(rows.map((row) => row.unit.name)).toEqual(names);
});
