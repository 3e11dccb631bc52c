// @vitest-environment node
import { readFile } from 'node:fs/promises';
import openapi, { astToString } from 'openapi-typescript';
import { expect, test } from 'vitest';

const folder = new URL('./__generated__/', import.meta.url);

test('the types are those of the collector’s document (else: npm run generate)', async () => {
  const fresh = astToString(await openapi(new URL('openapi.json', folder)));
  const committed = await readFile(new URL('schema.ts', folder), 'utf8');
  // The command writes a notice above the types.
  expect(committed.endsWith(fresh)).toBe(true);
});
