/** Units as a tree: in which order its rows stand, and which of them are to be seen while branches are folded. */

/** What the tree needs to know of a unit. */
export interface Node {
  readonly id: number;
  readonly parent_id?: number | null;
  readonly name: string;
}

export interface Placed<Unit extends Node> {
  readonly unit: Unit;
  readonly depth: number;
  /** Whether there is anything below it. */
  readonly branch: boolean;
}

/** Parents before children, children by name; a unit whose parent is out of sight stands at the top. */
export function inTreeOrder<Unit extends Node>(units: readonly Unit[]): Placed<Unit>[] {
  const known = new Set(units.map((unit) => unit.id));
  const children = new Map<number | null, Unit[]>();
  for (const unit of units) {
    const parent = typeof unit.parent_id === 'number' && known.has(unit.parent_id) ? unit.parent_id : null;
    const brothers = children.get(parent);
    if (brothers === undefined) children.set(parent, [unit]);
    else brothers.push(unit);
  }
  const collator = new Intl.Collator('vi', { numeric: true });
  const placed: Placed<Unit>[] = [];
  const place = (parent: number | null, depth: number) => {
    const brothers = children.get(parent) ?? [];
    for (const unit of brothers.toSorted((one, other) => collator.compare(one.name, other.name))) {
      placed.push({ unit, depth, branch: children.has(unit.id) });
      place(unit.id, depth + 1);
    }
  };
  place(null, 0);
  return placed;
}

/** The rows to be seen: nothing below a unit that is not open. */
export function unfolded<Unit extends Node>(
  placed: readonly Placed<Unit>[],
  isOpen: (row: Placed<Unit>) => boolean,
): Placed<Unit>[] {
  let hiddenBelow = Number.POSITIVE_INFINITY;
  return placed.filter((row) => {
    if (row.depth > hiddenBelow) return false;
    hiddenBelow = row.branch && !isOpen(row) ? row.depth : Number.POSITIVE_INFINITY;
    return true;
  });
}
