import { expect, test } from 'vitest';
import { en } from './en';
import { vi } from './vi';

type Tree = { readonly [key: string]: string | readonly string[] | Tree };

/** Every path to a text with its placeholders; plural forms of one text are one path. */
function texts(tree: Tree, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const path = `${prefix}${key.replace(/_(one|other)$/, '')}`;
    if (typeof value === 'string') found.set(path, placeholders(value));
    else if (Array.isArray(value)) found.set(path, `${value.length} steps`);
    else for (const [inner, text] of texts(value as Tree, `${path}.`)) found.set(inner, text);
  }
  return found;
}

const placeholders = (text: string) =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)]
    .map((match) => match[1])
    .toSorted()
    .join(' ');

test('English says everything that Vietnamese says, with the same values in it', () => {
  expect(Object.fromEntries(texts(en))).toEqual(Object.fromEntries(texts(vi)));
});

test('nobody is asked to do more than three things', () => {
  const steps = [...texts(vi)].filter(([path]) => path.startsWith('steps.'));
  expect(steps.length).toBeGreaterThan(0);
  for (const [, count] of steps) expect(Number.parseInt(count, 10)).toBeLessThanOrEqual(3);
});
