import { describe, expect, test } from 'vitest';
import { DARK, LIGHT, TONES } from './palette';

/** Contrast as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((channel) => (channel <= 0.040_45 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('the measure itself agrees with the standard', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
});

describe.each([
  ['light', LIGHT],
  ['dark', DARK],
])('the %s scheme', (_name, scheme) => {
  test.each(TONES)('%s text is readable on its ground and on every surface', (tone) => {
    const { text, ground } = scheme.tones[tone];
    for (const behind of [ground, scheme.surface, scheme.page]) {
      expect(contrast(text, behind)).toBeGreaterThanOrEqual(4.5);
    }
  });

  test.each(TONES)('%s bars and icons stand out from every surface', (tone) => {
    for (const behind of [scheme.surface, scheme.page]) {
      expect(contrast(scheme.tones[tone].solid, behind)).toBeGreaterThanOrEqual(3);
    }
  });

  test('text, quieter text and links are readable', () => {
    for (const text of [scheme.text, scheme.dimmed, scheme.link]) {
      for (const behind of [scheme.surface, scheme.page]) {
        expect(contrast(text, behind)).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});
