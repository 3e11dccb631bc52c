/** Who may lawfully be uncovered, why, on whose word and until when. */
import { Button, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { endException } from '~/api/actions';
import { exceptionsCountQuery, exceptionsQuery } from '~/api/coverage-queries';
import type { ExceptionRow } from '~/api/types';
import { CoverageSections } from '~/components/coverage-sections';
import { PcLabel } from '~/components/pc-label';
import { useMay } from '~/components/rights';
import { UnitChoice } from '~/components/unit-choice';
import { ConfirmForm } from '~/forms/confirm';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconFileCertificate } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { notice } from '~/ui/notice';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { ToneText } from '~/ui/tone';
import { formatDate, formatNumber } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import classes from './coverage-pcs.module.css';
import { EXCEPTION_STATES, type ExceptionsSearch } from './coverage.search';

const route = getRouteApi('/signed-in/shell/coverage/exceptions');

export function CoverageExceptionsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const query = useInfiniteQuery(exceptionsQuery(search));
  const count = useQuery(exceptionsCountQuery(search)).data?.count;
  const list = useList(query, (exception) => String(exception.id), search);
  const filtered = Object.values(search).some((value) => value !== undefined);
  const [ending, setEnding] = useState<ExceptionRow>();
  return (
    <Page
      title={t('coverage.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('exceptions.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={<Waiting count={list.waiting} onShow={list.refresh} />}
    >
      <CoverageSections unit={search.unit} />
      <Text c="dimmed">{t('exceptions.note')}</Text>
      <ExceptionFilters search={search} filtered={filtered} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoExceptions filtered={filtered} />}>
          <ExceptionTable rows={list.rows} gone={list.gone} stale={list.stale} onEnd={setEnding} />
          <More {...list.more} />
        </ListBody>
      </Panel>
      <EndDialog exception={ending} onClose={() => setEnding(undefined)} />
    </Page>
  );
}

function ExceptionFilters({ search, filtered }: { search: ExceptionsSearch; filtered: boolean }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: ExceptionsSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: {} })}>
      <SearchField label={t('hosts.search')} value={search.search} onChange={(value) => change({ search: value })} />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
      <Choice
        label={t('exceptions.state')}
        anyLabel={t('exceptions.states.current')}
        value={search.state === 'current' ? undefined : search.state}
        width={260}
        options={EXCEPTION_STATES.filter((state) => state !== 'current').map((value) => ({
          value,
          label: t(`exceptions.states.${value}`),
        }))}
        onChange={(state) => change({ state })}
      />
    </Filters>
  );
}

interface ExceptionTableProps {
  readonly rows: readonly ExceptionRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly onEnd: (exception: ExceptionRow) => void;
}

function ExceptionTable({ rows, gone, stale, onEnd }: ExceptionTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'pc', title: t('pcs.name'), width: 200 },
    { key: 'unit', title: t('pcs.unit') },
    { key: 'kind', title: t('exceptions.kind'), width: 190 },
    { key: 'reason', title: t('exceptions.reason'), width: 300 },
    { key: 'by', title: t('exceptions.by'), width: 130 },
    { key: 'until', title: t('exceptions.until'), width: 120 },
    { key: 'state', title: t('exceptions.state'), width: 160 },
  ];
  return (
    <DataTable label={t('coverage.sections.exceptions')} columns={columns} stale={stale} stacks>
      {rows.map((exception) => (
        <ExceptionLine
          key={exception.id}
          exception={exception}
          gone={gone.has(String(exception.id))}
          onEnd={() => onEnd(exception)}
        />
      ))}
    </DataTable>
  );
}

interface ExceptionLineProps {
  readonly exception: ExceptionRow;
  readonly gone: boolean;
  readonly onEnd: () => void;
}

function ExceptionLine({ exception, gone, onEnd }: ExceptionLineProps) {
  const { t } = useWords();
  const { word } = useCodes();
  const place = [exception.asset_number, exception.place].filter((part) => part != null && part !== '').join(' · ');
  return (
    <Row gone={gone}>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        {typeof exception.host_id === 'number' ? (
          <Link to="/hosts/$id" params={{ id: exception.host_id }} {...rowTarget}>
            <PcLabel pc={exception} />
          </Link>
        ) : (
          <strong className={classes.name}>
            <PcLabel pc={exception} />
          </strong>
        )}
        {place !== '' && (
          <Text fz="xs" c="dimmed">
            <Hostile text={place} />
          </Text>
        )}
      </Table.Td>
      <Table.Td>{exception.unit.name}</Table.Td>
      <Table.Td>{word('exceptionKind', exception.kind)}</Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }} data-label={t('exceptions.reason')}>
        {exception.reason}
      </Table.Td>
      <Table.Td data-label={t('exceptions.by')}>
        {exception.created_by}
        <Text fz="xs" c="dimmed">
          {formatDate(exception.created_ms)}
        </Text>
      </Table.Td>
      <Table.Td data-label={t('exceptions.until')}>{formatDate(exception.ends_ms)}</Table.Td>
      <Table.Td>
        <InForce exception={exception} onEnd={onEnd} />
      </Table.Td>
    </Row>
  );
}

function InForce({ exception, onEnd }: { exception: ExceptionRow; onEnd: () => void }) {
  const { t } = useWords();
  const may = useMay('keepRegister');
  const { current, ended_ms: endedMs, ended_by: endedBy } = exception;
  if (typeof endedMs === 'number') {
    return (
      <>
        <ToneText tone="unknown">{t('exceptions.ended')}</ToneText>
        <Text fz="xs" c="dimmed">
          {t('exceptions.endedBy', { name: endedBy ?? t('common.unknown'), date: formatDate(endedMs) })}
        </Text>
      </>
    );
  }
  if (!current) return <ToneText tone="unknown">{t('exceptions.expired')}</ToneText>;
  if (!may) return <ToneText tone="low">{t('exceptions.states.current')}</ToneText>;
  return (
    <Button
      variant="default"
      size="compact-sm"
      className={classes.above}
      aria-label={t('exceptions.endFor', { name: escapeHostile(exception.name) })}
      onClick={onEnd}
    >
      {t('exceptions.end')}
    </Button>
  );
}

function EndDialog({ exception, onClose }: { exception: ExceptionRow | undefined; onClose: () => void }) {
  const { t } = useWords();
  const queries = useQueryClient();
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['coverage'] });
    notice(t('exceptions.endedNow'));
    onClose();
  };
  return (
    <Dialog title={t('exceptions.endTitle')} opened={exception !== undefined} onClose={onClose}>
      {exception !== undefined && (
        <ConfirmForm
          label={t('exceptions.end')}
          act={() => endException(exception.id)}
          onDone={done}
          onCancel={onClose}
        >
          {t('exceptions.endNote', { name: escapeHostile(exception.name) })}
        </ConfirmForm>
      )}
    </Dialog>
  );
}

function NoExceptions({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconFileCertificate size={28} />;
  if (filtered) return <Empty icon={icon} title={t('exceptions.noMatch')} />;
  return (
    <Empty icon={icon} title={t('exceptions.empty')}>
      {t('exceptions.emptyNote')}
    </Empty>
  );
}
