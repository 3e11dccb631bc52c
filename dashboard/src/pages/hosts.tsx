/** The fleet: every registered PC, filtered and sorted by the server. */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { hostsCountQuery, hostsQuery } from '~/api/queries';
import type { HostRow } from '~/api/types';
import { ConnectionText, ProtectionText, SeverityBadge } from '~/components/badges';
import { UnitChoice } from '~/components/unit-choice';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconDeviceDesktop, IconServer } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatNumber, ZONE_LABEL } from '~/util/format';
import classes from './hosts.module.css';
import { CONNECTIONS, type HostsSearch, PROTECTIONS, STATUSES } from './hosts.search';

const route = getRouteApi('/signed-in/shell/hosts');

export function HostsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const { sort: _sort, ...filters } = search;
  const query = useInfiniteQuery(hostsQuery(search));
  const count = useQuery(hostsCountQuery(filters)).data?.count;
  const list = useList(query, (host) => String(host.id), search);
  const filtered = Object.values(filters).some((value) => value !== undefined);
  return (
    <Page
      title={t('hosts.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('hosts.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={<Waiting count={list.waiting} onShow={list.refresh} />}
    >
      <HostFilters search={search} filtered={filtered} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoHosts filtered={filtered} />}>
          <HostTable rows={list.rows} gone={list.gone} stale={list.stale} sorted={search.sort} />
          <More {...list.more} />
        </ListBody>
      </Panel>
    </Page>
  );
}

function HostFilters({ search, filtered }: { search: HostsSearch; filtered: boolean }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: HostsSearch) => void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: { sort: search.sort } })}>
      <SearchField label={t('hosts.search')} value={search.search} onChange={(value) => change({ search: value })} />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
      <Choice
        label={t('hostStatus.label')}
        value={search.status}
        width={180}
        options={STATUSES.map((value) => ({ value, label: t(`hostStatus.${value}`) }))}
        onChange={(status) => change({ status })}
      />
      <Choice
        label={t('connection.label')}
        value={search.connection}
        width={200}
        options={CONNECTIONS.map((value) => ({ value, label: t(`connection.${value}`) }))}
        onChange={(connection) => change({ connection })}
      />
      <Choice
        label={t('protection.label')}
        value={search.protection}
        width={200}
        options={PROTECTIONS.map((value) => ({ value, label: t(`protection.${value}`) }))}
        onChange={(protection) => change({ protection })}
      />
      <Choice
        label={t('hosts.missingLabel')}
        value={search.missing === true ? 'missing' : undefined}
        width={210}
        options={[{ value: 'missing', label: t('hosts.missingOnly') }]}
        onChange={(value) => change({ missing: value === undefined ? undefined : true })}
      />
    </Filters>
  );
}

interface HostTableProps {
  readonly rows: readonly HostRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly sorted: HostsSearch['sort'];
}

function HostTable({ rows, gone, stale, sorted }: HostTableProps) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const sort = (by: NonNullable<HostsSearch['sort']>) => ({
    direction:
      (sorted ?? 'name') !== by
        ? ('none' as const)
        : by === 'last_seen'
          ? ('descending' as const)
          : ('ascending' as const),
    onSort: () => void navigate({ search: (former) => ({ ...former, sort: by }), replace: true }),
  });
  const columns = [
    { key: 'name', title: t('hosts.name'), sort: sort('name') },
    { key: 'unit', title: t('hosts.unit'), sort: sort('unit') },
    { key: 'protection', title: t('hosts.protection'), width: 190 },
    { key: 'connection', title: t('hosts.connection'), width: 240 },
    { key: 'seen', title: t('hosts.lastSeen', { zone: ZONE_LABEL }), width: 190, sort: sort('last_seen') },
    { key: 'alerts', title: t('hosts.alerts'), width: 160 },
    { key: 'missing', title: t('hosts.missing'), width: 110, align: 'right' as const },
  ];
  return (
    <DataTable label={t('hosts.title')} columns={columns} stale={stale} stacks>
      {rows.map((host) => (
        <HostLine key={host.id} host={host} gone={gone.has(String(host.id))} />
      ))}
    </DataTable>
  );
}

function HostLine({ host, gone }: { host: HostRow; gone: boolean }) {
  const { t, language } = useWords();
  const Icon = host.kind === 'server' ? IconServer : IconDeviceDesktop;
  const severity = host.worst_severity ?? null;
  return (
    <Row gone={gone}>
      <Table.Td>
        <Link to="/hosts/$id" params={{ id: host.id }} {...rowTarget}>
          <span className={classes.name}>
            <Icon size={15} stroke={1.7} aria-hidden />
            <Hostile text={host.name} />
          </span>
        </Link>
      </Table.Td>
      <Table.Td>{host.unit.name}</Table.Td>
      <Table.Td>
        <ProtectionText host={host} />
      </Table.Td>
      <Table.Td>
        <ConnectionText host={host} />
      </Table.Td>
      <Table.Td data-label={t('hosts.lastSeenShort')}>
        {typeof host.last_seen_ms === 'number' ? <Time ms={host.last_seen_ms} /> : t('common.never')}
      </Table.Td>
      <Table.Td data-label={t('hosts.alerts')}>
        {severity === null ? (
          <Text span c="dimmed" inherit>
            0
          </Text>
        ) : (
          <span className={classes.alerts}>
            {formatNumber(host.alerts_open, language)} <SeverityBadge severity={severity} />
          </span>
        )}
      </Table.Td>
      <Table.Td ta="right" data-label={t('hosts.missing')}>
        {formatNumber(host.events_missing, language)}
      </Table.Td>
    </Row>
  );
}

function NoHosts({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconDeviceDesktop size={28} />;
  if (filtered) return <Empty icon={icon} title={t('hosts.noMatch')} />;
  return (
    <Empty icon={icon} title={t('hosts.empty')}>
      {t('hosts.emptyNote')}
    </Empty>
  );
}
