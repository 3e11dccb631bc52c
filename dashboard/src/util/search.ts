/** Reads the URL's search part: what is there may have been typed by anybody. */

type Search = Readonly<Record<string, unknown>>;

/** One of a fixed set of words. */
export function choice<Value extends string>(
  search: Search,
  name: string,
  values: readonly Value[],
): Value | undefined {
  return values.find((value) => value === search[name]);
}

/** Some text; a number in the URL was text to the one who typed it. */
export function text(search: Search, name: string): string | undefined {
  const value = search[name];
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const trimmed = String(value).trim();
  return trimmed === '' ? undefined : trimmed;
}

/** A positive whole number: an id or a moment. */
export function whole(search: Search, name: string): number | undefined {
  const value = Number(search[name]);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** A switch that is either set or absent. */
export function flag(search: Search, name: string): true | undefined {
  return search[name] === true || search[name] === 'true' ? true : undefined;
}
