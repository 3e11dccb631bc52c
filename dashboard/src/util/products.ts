/** Counts per product and version, brought together by product. */

interface Counted {
  readonly product: string;
  readonly version: string;
  readonly hosts: number;
}

export interface Product {
  /** Empty for PCs of which no product is known. */
  readonly name: string;
  readonly hosts: number;
  /** Those of most PCs first. */
  readonly versions: readonly { readonly version: string; readonly hosts: number }[];
}

/** The products of most PCs first. */
export function grouped(counts: readonly Counted[]): Product[] {
  const groups = new Map<string, Counted[]>();
  for (const count of counts) groups.set(count.product, [...(groups.get(count.product) ?? []), count]);
  return [...groups]
    .map(([name, versions]): Product => ({
      name,
      hosts: versions.reduce((sum, { hosts }) => sum + hosts, 0),
      versions: versions.toSorted((one, other) => other.hosts - one.hosts),
    }))
    .toSorted((one, other) => other.hosts - one.hosts);
}
