/**
 * A list that stays still under the reader's hand.
 *
 * News arrives while an analyst reads. Rows that are on the page keep their place and are brought up
 * to date there; what newly belongs above or between them waits behind a count ("12 mới") until it is
 * asked for; what continues the list below (the next page) is simply appended. A row that left the
 * list on the server stays until the reader asks for the new order, marked as gone.
 */

/** A list as shown: the rows in their places, those that are gone, and how many wait. */
export interface Shown<Row> {
  readonly rows: readonly Row[];
  readonly gone: ReadonlySet<string>;
  readonly waiting: number;
}

/** The list as the server has it now, with nothing held back. */
export function present<Row>(rows: readonly Row[]): Shown<Row> {
  return { rows, gone: new Set(), waiting: 0 };
}

/** Brings a shown list up to date without moving anything. */
export function merge<Row>(shown: Shown<Row>, latest: readonly Row[], idOf: (row: Row) => string): Shown<Row> {
  if (shown.rows.length === 0) return present(latest);
  const fresh = new Map(latest.map((row) => [idOf(row), row]));
  const known = new Set(shown.rows.map(idOf));
  const lastKnown = latest.findLastIndex((row) => known.has(idOf(row)));
  const unknown = (row: Row) => !known.has(idOf(row));
  const below = lastKnown < 0 ? [] : latest.slice(lastKnown + 1).filter(unknown);
  const rows = [...shown.rows.map((row) => fresh.get(idOf(row)) ?? row), ...below];
  const gone = new Set(rows.map(idOf).filter((id) => !fresh.has(id)));
  const waiting = latest.filter(unknown).length - below.length;
  return { rows, gone, waiting };
}
