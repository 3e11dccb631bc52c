/** Coverage unit by unit: each number leads to its PCs, each name to the unit's own page of numbers. */
import { Text } from '@mantine/core';
import type { Coverage, CoverageNumbers } from '~/api/types';
import { useWords } from '~/i18n';
import type { List } from '~/pages/coverage.search';
import { Count } from '~/ui/count';
import { TextLink } from '~/ui/link';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { formatShare } from '~/util/format';
import type { Node } from '~/util/unit-tree';
import { type UnitColumn, UnitTable } from './unit-table';

interface Row extends Node {
  readonly counts: CoverageNumbers;
}

interface CoverageUnitsProps {
  readonly coverage: Coverage;
  readonly days: number | undefined;
}

export function CoverageUnits({ coverage, days }: CoverageUnitsProps) {
  const { t, language } = useWords();
  const listed = (key: List, count: (counts: CoverageNumbers) => number, tone?: Tone): UnitColumn<Row> => ({
    key,
    title: t(`coverageOf.${key}`),
    renderCell: ({ id, counts }) => (
      <Count to="/coverage/pcs" search={{ unit: id, days, of: key }} count={count(counts)} tone={tone} />
    ),
  });
  const columns: UnitColumn<Row>[] = [
    listed('registered', ({ registered }) => registered),
    listed('seen', ({ seen }) => seen),
    listed('protected', (counts) => counts.protected),
    {
      key: 'share',
      title: t('coverage.share'),
      renderCell: ({ counts }) => formatShare(counts.protected, counts.registered, language) ?? '–',
    },
    {
      key: 'lawful',
      title: t('coverage.shareLawful'),
      renderCell: ({ counts: { protected_not_excepted: part, registered, excepted } }) =>
        formatShare(part, registered - excepted, language) ?? '–',
    },
    listed('excepted', ({ excepted }) => excepted),
    listed('unprotected', (counts) => counts.seen - counts.protected, 'high'),
    listed('not_seen', ({ registered, seen }) => registered - seen, 'medium'),
    {
      key: 'unmanaged',
      title: t('coverage.unmanagedHosts'),
      renderCell: ({ id, counts }) => (
        <Count to="/coverage/unmanaged" search={{ unit: id }} count={counts.unmanaged} tone="medium" />
      ),
    },
  ];
  return (
    <Panel title={t('coverage.byUnit')} flush>
      <Text c="dimmed" fz="sm" px="md" pt="xs">
        {t('coverage.byUnitNote')}
      </Text>
      <UnitTable
        label={t('coverage.byUnit')}
        units={coverage.units.map(({ unit: { id, name }, parent_id, total }): Row => ({
          id,
          name,
          parent_id,
          counts: total,
        }))}
        columns={columns}
        renderName={({ id, name }) => (
          <TextLink to="/coverage" search={{ unit: id, days }} data-row="" inherit>
            {name}
          </TextLink>
        )}
      />
    </Panel>
  );
}
