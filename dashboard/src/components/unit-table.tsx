/**
 * Numbers per unit: a table whose rows are the tree of units, folded below its first levels.
 *
 * Numbers of a unit include those of the units below it, so a folded branch hides no PC.
 */
import { Button, Group, Table } from '@mantine/core';
import { type CSSProperties, type ReactNode, useMemo, useState } from 'react';
import { useWords } from '~/i18n';
import { IconChevronDown, IconChevronRight } from '~/ui/icons';
import { inTreeOrder, type Node, type Placed, unfolded } from '~/util/unit-tree';
import classes from './unit-table.module.css';

export interface UnitColumn<Unit extends Node> {
  readonly key: string;
  readonly title: string;
  readonly renderCell: (unit: Unit) => ReactNode;
}

interface UnitTableProps<Unit extends Node> {
  /** Names the table for screen readers. */
  readonly label: string;
  readonly units: readonly Unit[];
  readonly columns: readonly UnitColumn<Unit>[];
  /** The unit's name as a link to its own numbers. */
  readonly renderName: (unit: Unit) => ReactNode;
}

/** As a group with a name of its own: what gets the focus must say what it is. */
const scrollable = (label: string) => ({ role: 'group', 'aria-label': label, tabIndex: 0 });

/** A tree with so few rows is shown whole: there is nothing to be gained by folding it. */
const SMALL = 12;

export function UnitTable<Unit extends Node>({ label, units, columns, renderName }: UnitTableProps<Unit>) {
  const { t } = useWords();
  const placed = useMemo(() => inTreeOrder(units), [units]);
  const folding = useFolding(placed);
  return (
    <>
      {folding.possible && (
        <Group gap="xs" className={classes.bar}>
          <Button variant="subtle" size="compact-sm" onClick={folding.openAll}>
            {t('units.openAll')}
          </Button>
          <Button variant="subtle" size="compact-sm" onClick={folding.foldAll}>
            {t('units.foldAll')}
          </Button>
        </Group>
      )}
      {/* Whatever may have to be scrolled sideways must be so by the keyboard too. */}
      <div className={classes.container} {...scrollable(label)}>
        <Table className={classes.table} aria-label={label} verticalSpacing={6} horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th className={classes.unit}>{t('hosts.unit')}</Table.Th>
              {columns.map(({ key, title }) => (
                <Table.Th key={key} ta="right">
                  {title}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {unfolded(placed, folding.isOpen).map((row) => (
              <Table.Tr key={row.unit.id} className={classes.row}>
                <Table.Th scope="row" className={classes.unit} style={{ '--depth': row.depth } as CSSProperties}>
                  <span className={classes.name}>
                    <Fold row={row} open={folding.isOpen(row)} onToggle={() => folding.toggle(row)} />
                    <span>{renderName(row.unit)}</span>
                  </span>
                </Table.Th>
                {columns.map(({ key, renderCell }) => (
                  <Table.Td key={key} className={classes.number}>
                    {renderCell(row.unit)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}

interface FoldProps<Unit extends Node> {
  readonly row: Placed<Unit>;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function Fold<Unit extends Node>({ row, open, onToggle }: FoldProps<Unit>) {
  const { t } = useWords();
  if (!row.branch) return <span className={classes.fold} />;
  const Icon = open ? IconChevronDown : IconChevronRight;
  return (
    <button
      type="button"
      className={classes.fold}
      aria-expanded={open}
      aria-label={t('units.below', { name: row.unit.name })}
      onClick={onToggle}
    >
      <Icon size={15} aria-hidden />
    </button>
  );
}

/** Which branches are open. The top ones are, until somebody folds them. */
function useFolding<Unit extends Node>(placed: readonly Placed<Unit>[]) {
  const [touched, setTouched] = useState<ReadonlyMap<number, boolean>>(new Map());
  const small = placed.length <= SMALL;
  const isOpen = ({ unit, depth }: Placed<Unit>) => touched.get(unit.id) ?? (small || depth === 0);
  const all = (open: boolean) => () => setTouched(new Map(placed.map(({ unit }) => [unit.id, open])));
  return {
    possible: placed.some((row) => row.branch),
    isOpen,
    toggle: (row: Placed<Unit>) => setTouched(new Map(touched).set(row.unit.id, !isOpen(row))),
    openAll: all(true),
    foldAll: all(false),
  };
}
