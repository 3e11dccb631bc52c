import { expect, test } from 'vitest';
import type { Unit } from '~/api/types';
import { inTreeOrder } from './unit-choice';

const unit = (id: number, parent: number | null, name: string): Unit => ({
  id,
  parent_id: parent,
  name,
  kind: 'office',
  contact_name: null,
  contact_email: null,
  phone: null,
  hosts: 0,
  protected: 0,
  connected: 0,
  alerts_open: 0,
});

test('parents come before their children, brothers by Vietnamese order', () => {
  const units = [unit(3, 1, 'Đông Sơn'), unit(2, 1, 'Dương Liễu'), unit(1, null, 'Tỉnh'), unit(4, 3, 'Thôn')];
  const shown = inTreeOrder(units).map(({ unit: { name }, depth }) => `${'-'.repeat(depth)}${name}`);
  expect(shown).toEqual(['Tỉnh', '-Dương Liễu', '-Đông Sơn', '--Thôn']);
});

test('a unit whose parent is out of sight stands at the top', () => {
  expect(inTreeOrder([unit(7, 1, 'Sở Nội vụ')])).toHaveLength(1);
});
