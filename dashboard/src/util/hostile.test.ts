import { expect, test } from 'vitest';
import { escapeHostile, segments } from './hostile';

test.each([
  ['a right-to-left override', 'hoa\u202Efdp.exe', 'hoa\\u{202E}fdp.exe'],
  ['isolates and marks', '\u2066a\u2069\u200F\u061C', '\\u{2066}a\\u{2069}\\u{200F}\\u{061C}'],
  ['controls', 'a\u0000b\u001B[31mc\nd', 'a\\u{0000}b\\u{001B}[31mc\\u{000A}d'],
  ['zero-width characters', 'pay\u200Bpal\uFEFF', 'pay\\u{200B}pal\\u{FEFF}'],
  ['blank letters and odd spaces', '\u3164x\u00A0y\u2003z', '\\u{3164}x\\u{00A0}y\\u{2003}z'],
  ['tag characters beyond the first plane', 'a\u{E0041}b', 'a\\u{E0041}b'],
  ['spaces at the ends only', ' a b ', '\\u{0020}a b\\u{0020}'],
  ['what is no character', 'a\uFFFEb\uFFFF\u{1FFFF}', 'a\\u{FFFE}b\\u{FFFF}\\u{1FFFF}'],
  ['half a surrogate pair', 'a\uD800b', 'a\\u{D800}b'],
])('escapes %s', (_what, text, shown) => {
  expect(escapeHostile(text)).toBe(shown);
});

test('shows composed and decomposed Vietnamese exactly as written', () => {
  const composed = 'Báo cáo quý Ⅲ – Sở Nội vụ.docx'.normalize('NFC');
  const decomposed = composed.normalize('NFD');
  expect(composed).not.toBe(decomposed);
  expect(escapeHostile(composed)).toBe(composed);
  expect(escapeHostile(decomposed)).toBe(decomposed);
});

test('leaves markup alone: React shows it as text', () => {
  expect(escapeHostile('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>');
});

test('marks the escapes apart from the text around them', () => {
  expect(segments('a\u202Eb')).toEqual([
    { text: 'a', escaped: false },
    { text: '\\u{202E}', escaped: true },
    { text: 'b', escaped: false },
  ]);
});
