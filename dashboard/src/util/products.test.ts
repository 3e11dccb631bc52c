import { expect, test } from 'vitest';
import { grouped } from './products';

test('versions are brought together under their product, the most frequent first', () => {
  const counts = [
    { product: 'ClamAV', version: '1.0.3', hosts: 4 },
    { product: 'Kaspersky', version: '12', hosts: 9 },
    { product: 'ClamAV', version: '1.4.1', hosts: 7 },
    { product: '', version: '', hosts: 1 },
  ];
  expect(grouped(counts).map(({ name, hosts }) => [name, hosts])).toEqual([
    ['ClamAV', 11],
    ['Kaspersky', 9],
    ['', 1],
  ]);
  expect(grouped(counts)[0]?.versions.map(({ version }) => version)).toEqual(['1.4.1', '1.0.3']);
});
