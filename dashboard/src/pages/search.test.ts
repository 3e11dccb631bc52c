import { expect, test } from 'vitest';
import { alertFilters, alertSearch } from './alerts.search';
import { hostSearch, startOf } from './host.search';
import { hostsSearch } from './hosts.search';
import { localPath } from './sign-in';

test('what a URL says wrongly is as if it said nothing', () => {
  const nonsense = { search: '  ', unit: '-1', connection: 'maybe', protection: 7, missing: 'no', sort: ['name'] };
  expect(Object.values(hostsSearch(nonsense)).every((value) => value === undefined)).toBe(true);
});

test('a number that somebody searched for is text', () => {
  expect(hostsSearch({ search: 204 }).search).toBe('204');
});

test('the queue shows what is not resolved unless the URL says otherwise', () => {
  expect(alertFilters(alertSearch({})).state).toBe('active');
  expect(alertFilters(alertSearch({ state: 'resolved' })).state).toBe('resolved');
});

test('a range without its beginning is no range', () => {
  expect(hostSearch({ range: 'day' }).range).toBeUndefined();
  expect(hostSearch({ range: 'day', from: 1_700_000_000_000 })).toMatchObject({
    range: 'day',
    from: 1_700_000_000_000,
  });
  expect(startOf('hour', 10_000_000)).toBe(6_400_000);
});

test.each([
  ['/alerts/7?x=1', '/alerts/7?x=1'],
  [undefined, '/'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['javascript:alert(1)', '/'],
])('after signing in, %s leads to %s', (next, path) => {
  expect(localPath(next)).toBe(path);
});
