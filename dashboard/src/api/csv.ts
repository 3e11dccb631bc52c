/** Addresses of files to download: links, because a browser saves what it fetches by itself. */
import type { paths } from './__generated__/schema';

type CsvPath = Extract<keyof paths, `${string}.csv`>;
type Query<Path extends CsvPath> = paths[Path] extends { get: { parameters: { query?: infer Asked } } }
  ? NonNullable<Asked>
  : never;

/** The list behind a path with the filters of its page; what is absent does not restrict. */
export function csvAddress<Path extends CsvPath>(path: Path, query: Query<Path>): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) asked.set(name, String(value));
  }
  return asked.size === 0 ? path : `${path}?${asked}`;
}
