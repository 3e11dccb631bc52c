/** Chooses a unit from the tree: indented as the tree is, each scope includes what lies below it. */
import { useQuery } from '@tanstack/react-query';
import { unitsQuery } from '~/api/queries';
import type { Unit } from '~/api/types';
import { useWords } from '~/i18n';
import { Choice } from '~/ui/filters';

interface UnitChoiceProps {
  readonly value: number | undefined;
  readonly onChange: (unit: number | undefined) => void;
}

export function UnitChoice({ value, onChange }: UnitChoiceProps) {
  const { t } = useWords();
  const units = useQuery(unitsQuery()).data?.items ?? [];
  return (
    <Choice
      label={t('hosts.unit')}
      value={value === undefined ? undefined : String(value)}
      width={220}
      options={inTreeOrder(units).map(({ unit, depth }) => ({
        value: String(unit.id),
        label: `${'\u2003'.repeat(depth)}${unit.name}`,
      }))}
      onChange={(chosen) => onChange(chosen === undefined ? undefined : Number(chosen))}
    />
  );
}

export interface Placed {
  readonly unit: Unit;
  readonly depth: number;
}

/** Parents before children, children by name; a unit whose parent is out of sight stands at the top. */
export function inTreeOrder(units: readonly Unit[]): Placed[] {
  const known = new Set(units.map((unit) => unit.id));
  const parentOf = ({ parent_id: parent }: Unit) => (typeof parent === 'number' && known.has(parent) ? parent : null);
  const collator = new Intl.Collator('vi');
  const below = (parent: number | null, depth: number): Placed[] =>
    units
      .filter((unit) => parentOf(unit) === parent)
      .toSorted((one, other) => collator.compare(one.name, other.name))
      .flatMap((unit) => [{ unit, depth }].concat(below(unit.id, depth + 1)));
  return below(null, 0);
}
