/**
 * The column names in the first line of a CSV file, for a file whose header the collector does not recognise:
 * somebody then says which column is what. The collector reads the file by itself; this only lends it words.
 */

/** More than any header has; a file without line ends must not be read whole. */
const HEAD_BYTES = 64 * 1024;

const SEPARATORS = [',', ';', '\t'] as const;

export async function headersOf(file: Blob): Promise<string[]> {
  return splitHeader(decoded(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())));
}

/** The names in the first line, each once, without the empty ones. */
export function splitHeader(text: string): string[] {
  const line = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/, 1)[0] ?? '';
  const separator = SEPARATORS.toSorted((one, other) => count(line, other) - count(line, one))[0] ?? ',';
  const names = line.split(separator).map((cell) =>
    cell
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .replaceAll('""', '"')
      .trim(),
  );
  return [...new Set(names)].filter((name) => name !== '');
}

function count(line: string, separator: string): number {
  return line.split(separator).length - 1;
}

/** As the collector: a mark says UTF-16, else UTF-8, else the code page of Vietnamese Windows. */
function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    // The slice may end within a letter: what is left over is not an error.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1258').decode(bytes).normalize('NFC');
  }
}
