/** PCs under management by what protects them: product, state, reason and the age of definitions. */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { productsQuery } from '~/api/coverage-queries';
import { hostsCountQuery, hostsQuery } from '~/api/queries';
import type { HostRow } from '~/api/types';
import { ProtectionText } from '~/components/badges';
import { DefinitionsAge } from '~/components/definitions-age';
import { ProtectionSections } from '~/components/protection-sections';
import { UnitChoice } from '~/components/unit-choice';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconShieldCheck } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatNumber, ZONE_LABEL } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import { grouped } from '~/util/products';
import { PROTECTIONS } from './hosts.search';
import { AGES, protectionPcsFilters, type ProtectionPcsSearch, REASONS } from './protection.search';

const route = getRouteApi('/signed-in/shell/protection/pcs');

export function ProtectionPcsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const filters = protectionPcsFilters(search);
  const query = useInfiniteQuery(hostsQuery(filters));
  const count = useQuery(hostsCountQuery(filters)).data?.count;
  const list = useList(query, (host) => String(host.id), filters);
  const filtered = Object.values(search).some((value) => value !== undefined);
  return (
    <Page
      title={t('protectionPage.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('hosts.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={<Waiting count={list.waiting} onShow={list.refresh} />}
    >
      <ProtectionSections unit={search.unit} />
      <PcFilters search={search} filtered={filtered} />
      <Panel flush>
        <ListBody
          query={query}
          shown={list.rows.length}
          empty={
            <Empty icon={<IconShieldCheck size={28} />} title={filtered ? t('hosts.noMatch') : t('hosts.empty')} />
          }
        >
          <PcTable rows={list.rows} gone={list.gone} stale={list.stale} />
          <More {...list.more} />
        </ListBody>
      </Panel>
    </Page>
  );
}

function PcFilters({ search, filtered }: { search: ProtectionPcsSearch; filtered: boolean }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const change = (part: ProtectionPcsSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: {} })}>
      <SearchField label={t('hosts.search')} value={search.search} onChange={(value) => change({ search: value })} />
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
      <Choice
        label={t('protection.label')}
        value={search.protection}
        width={200}
        options={PROTECTIONS.map((value) => ({ value, label: t(`protection.${value}`) }))}
        onChange={(protection) => change({ protection })}
      />
      <ReasonChoice value={search.reason} onChange={(reason) => change({ reason })} />
      <ProductChoice unit={search.unit} value={search.product} onChange={(product) => change({ product })} />
      <AgeChoice value={search.older} onChange={(older) => change({ older })} />
    </Filters>
  );
}

interface TextChoiceProps {
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

/** What stands in the URL can always be seen, known to this page or not. */
function withChosen<Value extends string>(known: readonly Value[], chosen: Value | undefined): Value[] {
  return chosen === undefined || known.includes(chosen) ? [...known] : [chosen, ...known];
}

function ReasonChoice({ value, onChange }: TextChoiceProps) {
  const { t } = useWords();
  const { word } = useCodes();
  return (
    <Choice
      label={t('pcs.reasonLabel')}
      value={value}
      width={230}
      options={withChosen<string>(REASONS, value).map((code) => ({
        value: code,
        label: word('protectionReason', code),
      }))}
      onChange={onChange}
    />
  );
}

function ProductChoice({ unit, value, onChange }: TextChoiceProps & { unit: number | undefined }) {
  const { t } = useWords();
  const known = grouped(useQuery(productsQuery(unit)).data?.products ?? []).flatMap(({ name }) =>
    name === '' ? [] : [name],
  );
  return (
    <Choice
      label={t('pcs.productLabel')}
      value={value}
      width={220}
      options={withChosen(known, value).map((name) => ({ value: name, label: escapeHostile(name) }))}
      onChange={onChange}
    />
  );
}

function AgeChoice({ value, onChange }: { value: number | undefined; onChange: (value: number | undefined) => void }) {
  const { t } = useWords();
  const ages = withChosen(AGES.map(String), value === undefined ? undefined : String(value));
  return (
    <Choice
      label={t('pcs.definitions')}
      value={value === undefined ? undefined : String(value)}
      width={200}
      options={ages.map((days) => ({ value: days, label: t('definitionsAge.olderThan', { days }) }))}
      onChange={(days) => onChange(days === undefined ? undefined : Number(days))}
    />
  );
}

interface PcTableProps {
  readonly rows: readonly HostRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
}

function PcTable({ rows, gone, stale }: PcTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'name', title: t('hosts.name'), width: 210 },
    { key: 'unit', title: t('hosts.unit') },
    { key: 'state', title: t('protection.label'), width: 240 },
    { key: 'product', title: t('pcs.product'), width: 200 },
    { key: 'age', title: t('definitionsAge.label'), width: 160 },
    { key: 'seen', title: t('hosts.lastSeen', { zone: ZONE_LABEL }), width: 180 },
  ];
  return (
    <DataTable label={t('protectionPage.sections.pcs')} columns={columns} stale={stale} stacks>
      {rows.map((host) => (
        <PcLine key={host.id} host={host} gone={gone.has(String(host.id))} />
      ))}
    </DataTable>
  );
}

function PcLine({ host, gone }: { host: HostRow; gone: boolean }) {
  const { t } = useWords();
  return (
    <Row gone={gone}>
      <Table.Td>
        <Link to="/hosts/$id" params={{ id: host.id }} search={{ tab: 'state' }} {...rowTarget}>
          <Hostile text={host.name} />
        </Link>
      </Table.Td>
      <Table.Td>{host.unit.name}</Table.Td>
      <Table.Td>
        <ProtectionText host={host} />
      </Table.Td>
      <Table.Td>
        <ProductText host={host} />
      </Table.Td>
      <Table.Td data-label={t('pcs.definitions')}>
        <DefinitionsAge builtMs={host.definitions_ms} />
      </Table.Td>
      <Table.Td data-label={t('hosts.lastSeenShort')}>
        {typeof host.last_seen_ms === 'number' ? <Time ms={host.last_seen_ms} /> : t('common.never')}
      </Table.Td>
    </Row>
  );
}

/** Only of a PC that reported none it is known that there is none. */
function ProductText({ host: { product, product_version: version, protection } }: { host: HostRow }) {
  const { t } = useWords();
  if (product == null || product === '')
    return <>{t(protection === 'missing' ? 'pcs.noProduct' : 'pcs.productUnknown')}</>;
  return (
    <>
      <Hostile text={product} />{' '}
      {version != null && version !== '' && (
        <Text span inherit c="dimmed">
          <Hostile text={version} />
        </Text>
      )}
    </>
  );
}
