// @vitest-environment node
/** A key that is misspelt in a page would be shown to its reader as it stands. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vi } from './vi';

const source = new URL('../', import.meta.url);

/** The keys that the source names in full; those with a value in them are looked up by `codes.ts`. */
function namedKeys(): Set<string> {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  const texts = files
    .filter((file) => !file.includes('test'))
    .map((file) => readFileSync(new URL(file, source), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((match) => match[1] ?? '')));
}

function has(key: string): boolean {
  const found = key
    .split('.')
    .reduce<unknown>((tree, part) => (tree as Record<string, unknown> | undefined)?.[part], vi);
  return typeof found === 'string';
}

test('every key that a page names has words', () => {
  const keys = namedKeys();
  expect(keys.size).toBeGreaterThan(300);
  expect([...keys].filter((key) => !has(key) && !has(`${key}_other`))).toEqual([]);
});
