/** Chooses a unit from the tree: indented as the tree is, each scope includes what lies below it. */
import { useQuery } from '@tanstack/react-query';
import { unitsQuery } from '~/api/queries';
import { useWords } from '~/i18n';
import { Choice } from '~/ui/filters';
import { inTreeOrder } from '~/util/unit-tree';

interface UnitChoiceProps {
  readonly value: number | undefined;
  /** What choosing none is called. */
  readonly anyLabel?: string | undefined;
  readonly width?: number;
  readonly onChange: (unit: number | undefined) => void;
}

export function UnitChoice({ value, anyLabel, width = 220, onChange }: UnitChoiceProps) {
  const { t } = useWords();
  const units = useQuery(unitsQuery()).data?.items ?? [];
  return (
    <Choice
      label={t('hosts.unit')}
      value={value === undefined ? undefined : String(value)}
      {...(anyLabel === undefined ? {} : { anyLabel })}
      width={width}
      options={inTreeOrder(units).map(({ unit, depth }) => ({
        value: String(unit.id),
        label: `${'\u2003'.repeat(depth)}${unit.name}`,
      }))}
      onChange={(chosen) => onChange(chosen === undefined ? undefined : Number(chosen))}
    />
  );
}
