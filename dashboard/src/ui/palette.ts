/**
 * The dashboard's own colours, for both schemes, as CSS variables.
 *
 * Mantine's light badges and dimmed text miss the contrast that WCAG AA asks for; these pairs meet it
 * (`palette.test.ts` computes them). Colour is never the only sign: each tone comes with an icon and
 * a word.
 */

/** What a colour says. Four severities, and the tones of states. */
export const TONES = ['critical', 'high', 'medium', 'low', 'good', 'unknown'] as const;
export type Tone = (typeof TONES)[number];

/** Text and its ground, and a solid for bars, dots and icons. */
export interface Pair {
  readonly text: string;
  readonly ground: string;
  readonly solid: string;
}

/** One scheme: its surfaces, its quieter text, and its tones. */
export interface Scheme {
  readonly surface: string;
  readonly page: string;
  readonly text: string;
  readonly dimmed: string;
  readonly link: string;
  readonly border: string;
  readonly tones: Readonly<Record<Tone, Pair>>;
}

export const LIGHT: Scheme = {
  surface: '#ffffff',
  page: '#f5f7f8',
  text: '#16232b',
  dimmed: '#52616b',
  link: '#0b6170',
  border: '#dde3e7',
  tones: {
    critical: { text: '#8a1616', ground: '#fde4e1', solid: '#c42b2b' },
    high: { text: '#84380a', ground: '#ffe9d6', solid: '#cc5a12' },
    medium: { text: '#664a00', ground: '#fcf0c4', solid: '#a87b00' },
    low: { text: '#1c4a78', ground: '#e3eefa', solid: '#2f73b8' },
    good: { text: '#14552f', ground: '#dff3e5', solid: '#208a4c' },
    unknown: { text: '#45525c', ground: '#e9edf0', solid: '#71808b' },
  },
};

export const DARK: Scheme = {
  surface: '#182127',
  page: '#10171b',
  text: '#dbe4e9',
  dimmed: '#9fb0ba',
  link: '#6fc9d8',
  border: '#2b3840',
  tones: {
    critical: { text: '#ffb8b0', ground: '#4b1a19', solid: '#f0635c' },
    high: { text: '#ffc498', ground: '#47280f', solid: '#e98543' },
    medium: { text: '#f5d774', ground: '#3d3108', solid: '#cfa524' },
    low: { text: '#a9d0f7', ground: '#152f49', solid: '#5b9fe0' },
    good: { text: '#9fdfb6', ground: '#12351f', solid: '#43b06f' },
    unknown: { text: '#c1ccd3', ground: '#2a353c', solid: '#8798a3' },
  },
};

/** The variables of one scheme, by name. */
export function variables(scheme: Scheme): Record<string, string> {
  const named: Record<string, string> = {
    '--mantine-color-body': scheme.surface,
    '--mantine-color-text': scheme.text,
    '--mantine-color-dimmed': scheme.dimmed,
    '--mantine-color-placeholder': scheme.dimmed,
    '--mantine-color-anchor': scheme.link,
    '--mantine-color-default': scheme.surface,
    '--mantine-color-default-border': scheme.border,
    '--mantine-color-error': scheme.tones.critical.text,
    '--vong-page': scheme.page,
    '--vong-surface': scheme.surface,
    '--vong-border': scheme.border,
    '--vong-link': scheme.link,
  };
  for (const tone of TONES) {
    const pair = scheme.tones[tone];
    named[`--vong-${tone}-text`] = pair.text;
    named[`--vong-${tone}-ground`] = pair.ground;
    named[`--vong-${tone}-solid`] = pair.solid;
  }
  return named;
}
