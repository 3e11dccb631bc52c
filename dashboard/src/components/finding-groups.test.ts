import { expect, test } from 'vitest';
import type { Finding } from '~/api/types';
import { first, grouped } from './finding-groups';

const finding = (id: string, evidence: Finding['evidence']): Finding => ({
  id,
  rule: 'file.critical_changed',
  key: id,
  severity: 'high',
  opened_ms: 0,
  closed_ms: null,
  evidence,
});

const by = (executable: string) => ({ process: { pid: 7, user: 'lan', executable } });

test('findings of one user and program are one group, and those of nobody known another', () => {
  const groups = grouped([
    finding('a', by('/usr/bin/x')),
    finding('b', { who_reason: 'catch_up' }),
    finding('c', by('/usr/bin/x')),
    finding('d', by('/usr/bin/y')),
    finding('e', { more: 1303 }),
  ]);
  expect(groups.map(({ findings }) => findings.map(({ id }) => id))).toEqual([['a', 'c'], ['b'], ['d'], ['e']]);
  expect(groups[0]?.cause).toEqual({ user: 'lan', program: '/usr/bin/x', reason: '' });
});

test('the first few are the first few of all groups together', () => {
  const groups = grouped(['a', 'b', 'c', 'd'].map((id) => finding(id, by(id < 'c' ? '/x' : '/y'))));
  const shown = (limit: number) => first(groups, limit).map(({ findings }) => findings.length);
  expect(shown(0)).toEqual([]);
  expect(shown(2)).toEqual([2]);
  expect(shown(3)).toEqual([2, 1]);
  expect(shown(9)).toEqual([2, 2]);
});
