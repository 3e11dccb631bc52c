/** The queue: what is not resolved, the gravest and newest first. */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { alertsCountQuery, alertsQuery } from '~/api/queries';
import type { AlertRow } from '~/api/types';
import { SeverityBadge, StateText } from '~/components/badges';
import { UnitChoice } from '~/components/unit-choice';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconBell } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Ago } from '~/ui/time';
import { formatNumber } from '~/util/format';
import { alertFilters, type AlertSearch, CATEGORIES, SEVERITIES, STATES } from './alerts.search';

const route = getRouteApi('/signed-in/shell/alerts');

export function AlertsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const filters = alertFilters(search);
  const query = useInfiniteQuery(alertsQuery(filters));
  const count = useQuery(alertsCountQuery(filters)).data?.count;
  const list = useList(query, (alert) => String(alert.id), filters);
  const filtered = Object.values(search).some((value) => value !== undefined);
  return (
    <Page
      title={t('alerts.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('alerts.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={<Waiting count={list.waiting} onShow={list.refresh} />}
    >
      <AlertFilterBar search={search} filtered={filtered} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoAlerts filtered={filtered} />}>
          <AlertTable rows={list.rows} gone={list.gone} stale={list.stale} />
          <More {...list.more} />
        </ListBody>
      </Panel>
    </Page>
  );
}

function AlertFilterBar({ search, filtered }: { search: AlertSearch; filtered: boolean }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: AlertSearch) => void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: {} })}>
      <SearchField label={t('alerts.search')} value={search.search} onChange={(value) => change({ search: value })} />
      <Choice
        label={t('state.label')}
        value={search.state}
        anyLabel={t('alerts.active')}
        width={220}
        options={STATES.map((value) => ({ value, label: t(`state.${value}`) }))}
        onChange={(state) => change({ state })}
      />
      <Choice
        label={t('severity.label')}
        value={search.severity}
        options={SEVERITIES.map((value) => ({ value, label: t(`severity.${value}`) }))}
        onChange={(severity) => change({ severity })}
      />
      <Choice
        label={t('category.label')}
        value={search.category}
        width={220}
        options={CATEGORIES.map((value) => ({ value, label: t(`category.${value}`) }))}
        onChange={(category) => change({ category })}
      />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
    </Filters>
  );
}

interface AlertTableProps {
  readonly rows: readonly AlertRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
}

function AlertTable({ rows, gone, stale }: AlertTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'severity', title: t('severity.label'), width: 132 },
    { key: 'what', title: t('alerts.what') },
    { key: 'host', title: t('alerts.host'), width: 220 },
    { key: 'state', title: t('state.label'), width: 180 },
    { key: 'age', title: t('alerts.age'), width: 130 },
    { key: 'updated', title: t('alerts.updated'), width: 130 },
  ];
  return (
    <DataTable label={t('alerts.title')} columns={columns} stale={stale} stacks>
      {rows.map((alert) => (
        <AlertLine key={alert.id} alert={alert} gone={gone.has(String(alert.id))} />
      ))}
    </DataTable>
  );
}

/** The second line of a cell. */
function Second({ children }: { children: ReactNode }) {
  return (
    <Text fz="xs" c="dimmed">
      {children}
    </Text>
  );
}

function AlertLine({ alert, gone }: { alert: AlertRow; gone: boolean }) {
  const { t, language } = useWords();
  const { sentence } = useCodes();
  return (
    <Row gone={gone}>
      <Table.Td>
        <SeverityBadge severity={alert.severity} />
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        <Link to="/alerts/$id" params={{ id: alert.id }} {...rowTarget}>
          {sentence(alert.title)}
        </Link>
        {alert.findings > 1 && (
          <Second>
            {t('alert.findings', { count: alert.findings, shown: formatNumber(alert.findings, language) })}
          </Second>
        )}
      </Table.Td>
      <Table.Td>
        <About alert={alert} />
      </Table.Td>
      <Table.Td>
        <StateText state={alert.state} />
        {alert.assignee != null && <Second>{alert.assignee}</Second>}
      </Table.Td>
      <Table.Td data-label={t('alerts.age')}>
        <Ago ms={alert.opened_ms} />
      </Table.Td>
      <Table.Td data-label={t('alerts.updated')}>
        <Ago ms={alert.updated_ms} />
      </Table.Td>
    </Row>
  );
}

/** The PC that it is about and its unit; or the unit, when it is about several of its PCs. */
function About({ alert }: { alert: AlertRow }) {
  const { t } = useWords();
  if (alert.about_unit) {
    return (
      <>
        {t('alerts.unit')} {alert.unit.name}
        <Second>{t('alerts.aboutUnit')}</Second>
      </>
    );
  }
  return (
    <>
      <Hostile text={alert.host.name} />
      <Second>{alert.unit.name}</Second>
    </>
  );
}

function NoAlerts({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconBell size={28} />;
  if (filtered) return <Empty icon={icon} title={t('alerts.noMatch')} />;
  return (
    <Empty icon={icon} title={t('alerts.empty')}>
      {t('alerts.emptyNote')}
    </Empty>
  );
}
