/** Machines that PCs see on their own networks and that nobody manages: whom to look for, and where. */
import { Button, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { unmarkMachine } from '~/api/actions';
import { machinesCountQuery, machinesQuery } from '~/api/coverage-queries';
import { csvAddress } from '~/api/csv';
import type { MachineRow } from '~/api/types';
import { CoverageSections } from '~/components/coverage-sections';
import { useMay } from '~/components/rights';
import { UnitChoice } from '~/components/unit-choice';
import { MarkMachineForm } from '~/forms/mark-machine';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { CsvLink } from '~/ui/csv-link';
import { DataTable, More, Row, Waiting } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconDeviceDesktop } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { ListBody } from '~/ui/list-body';
import { notice } from '~/ui/notice';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty, useErrorText } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatNumber } from '~/util/format';
import { MACHINE_LISTS, type MachinesSearch } from './coverage.search';

const route = getRouteApi('/signed-in/shell/coverage/unmanaged');

export function CoverageUnmanagedPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const query = useInfiniteQuery(machinesQuery(search));
  const count = useQuery(machinesCountQuery(search)).data?.count;
  const list = useList(query, (machine) => machine.mac, search);
  const filtered = Object.values(search).some((value) => value !== undefined);
  const [marking, setMarking] = useState<MachineRow>();
  return (
    <Page
      title={t('coverage.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('unmanaged.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={
        <>
          <CsvLink href={csvAddress('/api/v1/coverage/unmanaged.csv', { ...search, lang: language })} />
          <Waiting count={list.waiting} onShow={list.refresh} />
        </>
      }
    >
      <CoverageSections unit={search.unit} />
      <Text c="dimmed">{t('unmanaged.note')}</Text>
      <MachineFilters search={search} filtered={filtered} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoMachines filtered={filtered} />}>
          <MachineTable rows={list.rows} gone={list.gone} stale={list.stale} onMark={setMarking} />
          <More {...list.more} />
        </ListBody>
      </Panel>
      <Dialog title={t('unmanaged.markTitle')} opened={marking !== undefined} onClose={() => setMarking(undefined)}>
        {marking !== undefined && <MarkMachineForm machine={marking} onDone={() => setMarking(undefined)} />}
      </Dialog>
    </Page>
  );
}

function MachineFilters({ search, filtered }: { search: MachinesSearch; filtered: boolean }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: MachinesSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: {} })}>
      <SearchField
        label={t('unmanaged.search')}
        value={search.search}
        onChange={(value) => change({ search: value })}
      />
      <Choice
        label={t('unmanaged.show')}
        anyLabel={t('unmanaged.lists.unmanaged')}
        value={search.of === 'unmanaged' ? undefined : search.of}
        width={260}
        options={MACHINE_LISTS.filter((of) => of !== 'unmanaged').map((value) => ({
          value,
          label: t(`unmanaged.lists.${value}`),
        }))}
        onChange={(of) => change({ of })}
      />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
    </Filters>
  );
}

interface MachineTableProps {
  readonly rows: readonly MachineRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly onMark: (machine: MachineRow) => void;
}

function MachineTable({ rows, gone, stale, onMark }: MachineTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'address', title: t('unmanaged.address'), width: 180 },
    { key: 'vendor', title: t('unmanaged.vendor') },
    { key: 'unit', title: t('pcs.unit') },
    { key: 'by', title: t('unmanaged.seenBy'), width: 170 },
    { key: 'first', title: t('unmanaged.first'), width: 165 },
    { key: 'last', title: t('unmanaged.last'), width: 170 },
    { key: 'mark', title: t('pcs.actions'), width: 190 },
  ];
  return (
    <DataTable label={t('coverage.sections.unmanaged')} columns={columns} stale={stale} stacks>
      {rows.map((machine) => (
        <MachineLine key={machine.mac} machine={machine} gone={gone.has(machine.mac)} onMark={() => onMark(machine)} />
      ))}
    </DataTable>
  );
}

interface MachineLineProps {
  readonly machine: MachineRow;
  readonly gone: boolean;
  readonly onMark: () => void;
}

function MachineLine({ machine, gone, onMark }: MachineLineProps) {
  const { t } = useWords();
  return (
    <Row gone={gone}>
      <Table.Td>
        <strong>
          <Hostile text={machine.address} mono />
        </strong>
        <Text fz="xs" c="dimmed">
          <Hostile text={machine.mac} mono />
        </Text>
      </Table.Td>
      <Table.Td>
        <Vendor machine={machine} />
        {machine.gateway && (
          <Text fz="xs" c="dimmed">
            {t('unmanaged.gateway')}
          </Text>
        )}
      </Table.Td>
      <Table.Td>{machine.unit.name}</Table.Td>
      <Table.Td data-label={t('unmanaged.seenBy')}>
        <TextLink
          to="/hosts/$id"
          params={{ id: machine.seen_by.host_id }}
          search={{ tab: 'state' }}
          data-row=""
          inherit
        >
          <Hostile text={machine.seen_by.name} />
        </TextLink>
        <Text fz="xs" c="dimmed">
          <Hostile text={machine.adapter} />
        </Text>
      </Table.Td>
      <Table.Td data-label={t('unmanaged.first')}>
        <Time ms={machine.first_ms} />
      </Table.Td>
      <Table.Td data-label={t('unmanaged.last')}>
        <Time ms={machine.last_ms} />
      </Table.Td>
      <Table.Td>
        <Mark machine={machine} onMark={onMark} />
      </Table.Td>
    </Row>
  );
}

function Vendor({ machine: { vendor, random } }: { machine: MachineRow }) {
  const { t } = useWords();
  if (random) return <>{t('unmanaged.random')}</>;
  if (vendor == null || vendor === '') return <>{t('unmanaged.vendorUnknown')}</>;
  return <Hostile text={vendor} />;
}

function Mark({ machine, onMark }: { machine: MachineRow; onMark: () => void }) {
  const { t } = useWords();
  const { word } = useCodes();
  const may = useMay('markMachines');
  const { mark } = machine;
  if (mark == null) {
    if (!may) return <>–</>;
    return (
      <Button
        variant="default"
        size="compact-sm"
        aria-label={t('unmanaged.markFor', { name: machine.address })}
        onClick={onMark}
      >
        {t('unmanaged.mark')}
      </Button>
    );
  }
  return (
    <>
      {word('deviceKind', mark.kind)}
      {mark.note != null && mark.note !== '' && ` · ${mark.note}`}
      <Text fz="xs" c="dimmed">
        {t('unmanaged.markedBy', { name: mark.marked_by })}
      </Text>
      {may && <Unmark mac={machine.mac} />}
    </>
  );
}

function Unmark({ mac }: { mac: string }) {
  const { t } = useWords();
  const queries = useQueryClient();
  const unmarking = useMutation({
    mutationFn: unmarkMachine,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['coverage'] });
      notice(t('unmanaged.unmarkedNow'));
    },
  });
  const failure = useErrorText(unmarking.error);
  return (
    <>
      <Button variant="subtle" size="compact-sm" loading={unmarking.isPending} onClick={() => unmarking.mutate(mac)}>
        {t('unmanaged.unmark')}
      </Button>
      {unmarking.isError && <Text role="alert">{failure}</Text>}
    </>
  );
}

function NoMachines({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconDeviceDesktop size={28} />;
  if (filtered) return <Empty icon={icon} title={t('unmanaged.noMatch')} />;
  return (
    <Empty icon={icon} title={t('unmanaged.empty')}>
      {t('unmanaged.emptyNote')}
    </Empty>
  );
}
