/** Sums over units: each number once, however the tree of what one may see begins. */
import type { Coverage, CoverageNumbers } from '~/api/types';

/** The numbers that are counted; shares are made of them where they are shown. */
export type Counts = Omit<CoverageNumbers, 'protected_percent' | 'protected_percent_without_exceptions'>;

const NONE: Counts = {
  registered: 0,
  seen: 0,
  protected: 0,
  excepted: 0,
  protected_not_excepted: 0,
  outdated: 0,
  not_enrolled: 0,
  not_in_register: 0,
  mismatch: 0,
  pending: 0,
  unmanaged: 0,
};

/** All units together: the totals of those that stand at the top of what was asked for. */
export function sumOf(units: Coverage['units']): Counts {
  const known = new Set(units.map(({ unit }) => unit.id));
  const tops = units.filter(({ parent_id: parent }) => typeof parent !== 'number' || !known.has(parent));
  const sum = { ...NONE };
  for (const { total } of tops) {
    for (const name of Object.keys(NONE) as (keyof Counts)[]) sum[name] += total[name];
  }
  return sum;
}
