/** The PCs behind a number of the coverage; exceptions are made from a PC's row. */
import { Button, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { pcsCountQuery, pcsQuery } from '~/api/coverage-queries';
import { csvAddress } from '~/api/csv';
import type { PcRow } from '~/api/types';
import { ProtectionText } from '~/components/badges';
import { CoverageSections } from '~/components/coverage-sections';
import { DaysChoice } from '~/components/days-choice';
import { PcLabel } from '~/components/pc-label';
import { useMay } from '~/components/rights';
import { UnitChoice } from '~/components/unit-choice';
import { ExceptionForm } from '~/forms/exception';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { CsvLink } from '~/ui/csv-link';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconDeviceDesktop } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { ToneText } from '~/ui/tone';
import { formatDate, formatNumber, ZONE_LABEL } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import classes from './coverage-pcs.module.css';
import { DAYS_DEFAULT, LISTS, type PcsSearch } from './coverage.search';

const route = getRouteApi('/signed-in/shell/coverage/pcs');

export function CoveragePcsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const query = useInfiniteQuery(pcsQuery(search));
  const count = useQuery(pcsCountQuery(search)).data?.count;
  const list = useList(query, (pc) => String(pc.id), search);
  const of = search.of ?? 'registered';
  const [excepting, setExcepting] = useState<PcRow>();
  return (
    <Page
      title={t('coverage.title')}
      below={
        <Text c="dimmed">
          {count !== undefined && `${t('hosts.count', { count, shown: formatNumber(count, language) })} · `}
          {t(`coverageNote.${of}`, { days: search.days ?? DAYS_DEFAULT })}
        </Text>
      }
      actions={
        <>
          <CsvLink href={csvAddress('/api/v1/coverage/pcs.csv', { ...search, lang: language })} />
          <Waiting count={list.waiting} onShow={list.refresh} />
        </>
      }
    >
      <CoverageSections unit={search.unit} />
      <PcFilters search={search} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoPcs searched={search.search !== undefined} />}>
          <PcTable rows={list.rows} gone={list.gone} stale={list.stale} onExcept={setExcepting} />
          <More {...list.more} />
        </ListBody>
      </Panel>
      <Dialog title={t('exceptions.addTitle')} opened={excepting !== undefined} onClose={() => setExcepting(undefined)}>
        {excepting !== undefined && <ExceptionForm pc={excepting} onDone={() => setExcepting(undefined)} />}
      </Dialog>
    </Page>
  );
}

function PcFilters({ search }: { search: PcsSearch }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: PcsSearch) => void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  const active = Object.values(search).some((value) => value !== undefined);
  return (
    <Filters active={active} onClear={() => void navigate({ search: {} })}>
      <SearchField label={t('pcs.search')} value={search.search} onChange={(value) => change({ search: value })} />
      <Choice
        label={t('coverageOf.label')}
        anyLabel={t('coverageOf.registered')}
        value={search.of}
        width={290}
        options={LISTS.filter((of) => of !== 'registered').map((value) => ({
          value,
          label: t(`coverageOf.${value}`),
        }))}
        onChange={(of) => change({ of })}
      />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
      <DaysChoice value={search.days} onChange={(days) => change({ days })} />
    </Filters>
  );
}

interface PcTableProps {
  readonly rows: readonly PcRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly onExcept: (pc: PcRow) => void;
}

function PcTable({ rows, gone, stale, onExcept }: PcTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'name', title: t('pcs.name'), width: 230 },
    { key: 'unit', title: t('pcs.unit') },
    { key: 'custodian', title: t('pcs.custodian'), width: 160 },
    { key: 'protection', title: t('pcs.protection'), width: 220 },
    { key: 'seen', title: t('pcs.lastSeen', { zone: ZONE_LABEL }), width: 170 },
    { key: 'exception', title: t('pcs.exception'), width: 210 },
  ];
  return (
    <DataTable label={t('coverage.sections.pcs')} columns={columns} stale={stale} stacks>
      {rows.map((pc) => (
        <PcLine key={pc.id} pc={pc} gone={gone.has(String(pc.id))} onExcept={() => onExcept(pc)} />
      ))}
    </DataTable>
  );
}

function PcLine({ pc, gone, onExcept }: { pc: PcRow; gone: boolean; onExcept: () => void }) {
  const { t } = useWords();
  const place = [pc.asset_number, pc.place].filter((part) => part != null && part !== '').join(' · ');
  return (
    <Row gone={gone}>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        {typeof pc.host_id === 'number' ? (
          <Link to="/hosts/$id" params={{ id: pc.host_id }} search={{ tab: 'state' }} {...rowTarget}>
            <PcLabel pc={pc} />
          </Link>
        ) : (
          <strong className={classes.name}>
            <PcLabel pc={pc} />
          </strong>
        )}
        {place !== '' && (
          <Text fz="xs" c="dimmed">
            <Hostile text={place} />
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {pc.unit.name}
        {pc.register_unit != null && (
          <Text fz="xs" c="dimmed">
            {t('pcs.assetUnit', { name: pc.register_unit.name })}
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label={t('pcs.custodian')}>
        {pc.custodian != null && pc.custodian !== '' ? <Hostile text={pc.custodian} /> : '–'}
      </Table.Td>
      <Table.Td>
        <PcProtection pc={pc} />
      </Table.Td>
      <Table.Td data-label={t('pcs.lastSeenShort')}>
        {typeof pc.last_seen_ms === 'number' ? <Time ms={pc.last_seen_ms} /> : t('common.never')}
      </Table.Td>
      <Table.Td>
        <PcException pc={pc} onExcept={onExcept} />
      </Table.Td>
    </Row>
  );
}

function PcProtection({ pc }: { pc: PcRow }) {
  const { t } = useWords();
  if (pc.protection == null) return <ToneText tone="unknown">{t('pcs.notEnrolled')}</ToneText>;
  return (
    <>
      <ProtectionText host={{ protection: pc.protection, protection_reason: pc.protection_reason ?? null }} />
      {pc.asset_id == null && (
        <Text fz="xs" c="dimmed">
          {t('pcs.notInRegister')}
        </Text>
      )}
    </>
  );
}

function PcException({ pc, onExcept }: { pc: PcRow; onExcept: () => void }) {
  const { t } = useWords();
  const { word } = useCodes();
  const may = useMay('keepRegister');
  if (pc.exception != null) {
    return (
      <>
        {word('exceptionKind', pc.exception.kind)}
        <Text fz="xs" c="dimmed">
          {t('pcs.exceptionUntil', { date: formatDate(pc.exception.ends_ms) })}
        </Text>
      </>
    );
  }
  if (!may) return <>–</>;
  return (
    <Button
      variant="default"
      size="compact-sm"
      className={classes.above}
      aria-label={t('pcs.addExceptionFor', { name: escapeHostile(pc.name) })}
      onClick={onExcept}
    >
      {t('pcs.addException')}
    </Button>
  );
}

function NoPcs({ searched }: { searched: boolean }) {
  const { t } = useWords();
  return <Empty icon={<IconDeviceDesktop size={28} />} title={searched ? t('pcs.noMatch') : t('pcs.empty')} />;
}
