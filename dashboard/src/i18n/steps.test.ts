/** The advice on the page is the mail's: whoever calls about an alert hears what they have read. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { en } from './en';
import { vi } from './vi';

/** A language's mails as the collector writes them, with this page's mark for how to reach the duty office. */
function mails(language: string): string {
  const files = [`${language}.rs`, `${language}/antivirus.rs`, `${language}/files.rs`];
  const source = files.map((file) => readFileSync(`../collector/src/delivery/${file}`, 'utf8')).join('\n');
  return source.replaceAll('{call}', '{{call}}').replaceAll('{Call}', '{{Call}}');
}

/** Mails use the short name of the antivirus, this page the full one. */
const named = (text: string) => text.replaceAll('diệt vi-rút', 'phòng, chống mã độc');

const allOf = (tree: object): string[] =>
  Object.values(tree).flatMap((value: string | object) => (typeof value === 'string' ? [value] : allOf(value)));

test.each([
  ['Vietnamese', vi, named(mails('vietnamese'))],
  ['English', en, mails('english')],
])('in %s every step stands in a mail, word for word', (_language, { steps, dutySteps, call }, written) => {
  const advice = [...allOf(steps), ...allOf(dutySteps), ...allOf(call)];
  expect(advice.filter((step) => !written.includes(`"${step}"`))).toEqual([]);
});
