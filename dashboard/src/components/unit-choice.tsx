/** Chooses a unit from the tree: indented as the tree is, each scope includes what lies below it. */
import { useQuery } from '@tanstack/react-query';
import { unitsQuery } from '~/api/queries';
import { useWords } from '~/i18n';
import { Choice } from '~/ui/filters';
import { inTreeOrder } from '~/util/unit-tree';

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

