/** A dense table whose rows are links, with the states that every list has. */
import { Button, Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { useWords } from '~/i18n';
import { formatNumber } from '~/util/format';
import classes from './data-table.module.css';
import { IconArrowDown, IconArrowUp, IconRefresh } from './icons';

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly width?: number | string;
  readonly align?: 'right';
  /** Present where the server can sort by this column. */
  readonly sort?: Sort | undefined;
}

interface Sort {
  readonly direction: 'ascending' | 'descending' | 'none';
  readonly onSort: () => void;
}

interface DataTableProps {
  /** Names the table for screen readers. */
  readonly label: string;
  readonly columns: readonly Column[];
  /** The rows answer an earlier question. */
  readonly stale?: boolean;
  /** Its rows become cards on a narrow screen; cells that need their title there carry it as `data-label`. */
  readonly stacks?: boolean;
  readonly children: ReactNode;
}

export function DataTable({ label, columns, stale = false, stacks = false, children }: DataTableProps) {
  return (
    // Whatever may have to be scrolled sideways must be so by the keyboard too.
    <div className={classes.container} {...(stacks ? {} : { role: 'group', 'aria-label': label, tabIndex: 0 })}>
      <Table
        className={classes.table}
        data-stale={stale || undefined}
        data-stacks={stacks || undefined}
        aria-label={label}
        aria-busy={stale}
        verticalSpacing={7}
        horizontalSpacing="md"
      >
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} />
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </div>
  );
}

function Head({ column: { title, width, align, sort } }: { column: Column }) {
  const Arrow = sort?.direction === 'descending' ? IconArrowDown : IconArrowUp;
  return (
    <Table.Th w={width} ta={align} aria-sort={sort?.direction}>
      {sort === undefined ? (
        title
      ) : (
        <button type="button" className={classes.sort} onClick={sort.onSort}>
          {title}
          {sort.direction !== 'none' && <Arrow size={13} aria-hidden />}
        </button>
      )}
    </Table.Th>
  );
}

interface RowProps {
  /** No longer part of the list on the server. */
  readonly gone?: boolean;
  /** Open beside the list. */
  readonly selected?: boolean;
  readonly children: ReactNode;
}

/** One row; the `RowLink` in one of its cells makes all of it clickable. */
export function Row({ gone = false, selected = false, children }: RowProps) {
  const { t } = useWords();
  return (
    <Table.Tr
      className={classes.row}
      data-gone={gone || undefined}
      data-selected={selected || undefined}
      title={gone ? t('common.gone') : undefined}
    >
      {children}
    </Table.Tr>
  );
}

/** Put on the link or button that opens the row. */
export const rowTarget = { className: classes.target, 'data-row': '' } as const;

/** "12 mới": what arrived since the list was read. */
export function Waiting({ count, onShow }: { count: number; onShow: () => void }) {
  const { t, language } = useWords();
  return (
    <div aria-live="polite">
      {count > 0 && (
        <Button size="compact-sm" radius="xl" leftSection={<IconRefresh size={14} />} onClick={onShow}>
          {t('common.newRows', { count, shown: formatNumber(count, language) })}
        </Button>
      )}
    </div>
  );
}

interface MoreProps {
  readonly visible: boolean;
  readonly loading: boolean;
  readonly onMore: () => void;
}

/** The next page, asked for by hand: nothing moves while it loads. */
export function More({ visible, loading, onMore }: MoreProps) {
  const { t } = useWords();
  if (!visible) return null;
  return (
    <div className={classes.more}>
      <Button variant="default" loading={loading} onClick={onMore}>
        {t('common.loadMore')}
      </Button>
    </div>
  );
}
