/** The last part of a path: a program's own name; either slash, as both systems are watched. */
export function lastPart(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path;
}
