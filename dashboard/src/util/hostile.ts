/**
 * Text that came from a watched PC, made safe to look at.
 *
 * A file name may hold characters that reverse the reading direction, hide, or look like nothing;
 * an analyst must see that they are there. Each is replaced by its code point (`\u{202E}`), marked
 * apart from the rest. Letters and combining marks stay as they are, so that a composed (NFC) and a
 * decomposed (NFD) Vietnamese name are each shown as the PC wrote them.
 */

/** A stretch of hostile text: shown as it is, or as the escape of one invisible character. */
export interface Segment {
  readonly text: string;
  readonly escaped: boolean;
}

/**
 * Controls, formats (bidirectional and zero-width characters among them), surrogates without a
 * partner, private use, what will never be a character (U+FFFE, U+FFFF), line and paragraph separators,
 * spaces that are not U+0020, and the letters and marks that Unicode defines as blank.
 */
const DECEPTIVE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{NChar}\p{Zl}\p{Zp}\u{A0}\u{115F}\u{1160}\u{1680}\u{2000}-\u{200A}\u{202F}\u{205F}\u{2800}\u{3000}\u{3164}\u{FFA0}]|[\u{34F}\u{17B4}\u{17B5}\u{180B}-\u{180F}\u{E0100}-\u{E01EF}]/u;

const EDGE_SPACE = /^ +| +$/g;

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `\\u{${code.toString(16).toUpperCase().padStart(4, '0')}}`;
}

/** Splits text into what may be shown as it is and what is shown as an escape. */
export function segments(text: string): Segment[] {
  const found: Segment[] = [];
  let plain = '';
  const edges = edgeSpaces(text);
  let index = 0;
  for (const character of text) {
    if (DECEPTIVE.test(character) || edges.has(index)) {
      if (plain !== '') found.push({ text: plain, escaped: false });
      plain = '';
      found.push({ text: escapeOf(character), escaped: true });
    } else {
      plain += character;
    }
    index += character.length;
  }
  if (plain !== '') found.push({ text: plain, escaped: false });
  return found;
}

/** Whether accents stand apart from their letters: such a name looks like its composed twin, and is another. */
export function isDecomposed(text: string): boolean {
  return text.normalize('NFC') !== text;
}

/** The same as one string, for places without markup: titles, labels, sentences. */
export function escapeHostile(text: string): string {
  return segments(text)
    .map((segment) => segment.text)
    .join('');
}

/** Spaces at either end are invisible too: `"report.docx "` is not `"report.docx"`. */
function edgeSpaces(text: string): Set<number> {
  const positions = new Set<number>();
  for (const match of text.matchAll(EDGE_SPACE)) {
    for (let offset = 0; offset < match[0].length; offset += 1) positions.add(match.index + offset);
  }
  return positions;
}
