import { expect, test } from 'vitest';
import { csvAddress } from './csv';

test('a file is asked for with the filters of its page, and nothing that is absent', () => {
  expect(
    csvAddress('/api/v1/coverage/pcs.csv', { of: 'not_seen', unit: undefined, search: 'Sở & xã', lang: 'vi' }),
  ).toBe('/api/v1/coverage/pcs.csv?of=not_seen&search=S%E1%BB%9F+%26+x%C3%A3&lang=vi');
  expect(csvAddress('/api/v1/detections.csv', {})).toBe('/api/v1/detections.csv');
});
