/** Malware that was found anywhere, the newest first, and what became of it. */
import { Button, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { detectionsCountQuery, detectionsQuery, threatsQuery } from '~/api/coverage-queries';
import { csvAddress } from '~/api/csv';
import type { DetectionFilters, DetectionRow } from '~/api/types';
import { DetectionPanel, FileText, OutcomeBadge } from '~/components/detection-panel';
import { DetectionSections } from '~/components/detection-sections';
import { UnitChoice } from '~/components/unit-choice';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { CsvLink } from '~/ui/csv-link';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconVirus, IconX } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { ListBody } from '~/ui/list-body';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { RankedBars } from '~/ui/ranked';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatNumber, ZONE_LABEL } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import classes from './detections.module.css';
import { detectionsFilters, type DetectionsSearch, OUTCOMES } from './detections.search';
import { RANGES, startOf } from './host.search';

const route = getRouteApi('/signed-in/shell/detections');

export function DetectionsPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (part: DetectionsSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true, resetScroll: false });
  const filters = detectionsFilters(search);
  const query = useInfiniteQuery(detectionsQuery(filters));
  const count = useQuery(detectionsCountQuery(filters)).data?.count;
  const list = useList(query, (detection) => String(detection.id), filters);
  const filtered = Object.values(filters).some((value) => value !== undefined);
  return (
    <Page
      title={t('detections.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('detections.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={
        <>
          <CsvLink href={csvAddress('/api/v1/detections.csv', { ...filters, lang: language })} />
          <Waiting count={list.waiting} onShow={list.refresh} />
        </>
      }
    >
      <DetectionSections />
      <FilterBar search={search} filtered={filtered} rows={list.rows} onChange={change} />
      <TopThreats filters={filters} search={search} />
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoDetections filtered={filtered} />}>
          <DetectionTable
            rows={list.rows}
            gone={list.gone}
            stale={list.stale}
            selected={search.open}
            onSelect={(open) => change({ open })}
          />
          <More {...list.more} />
        </ListBody>
      </Panel>
      <DetectionPanel
        detection={list.rows.find(({ id }) => id === search.open)}
        onClose={() => change({ open: undefined })}
      />
    </Page>
  );
}

interface FilterBarProps {
  readonly search: DetectionsSearch;
  readonly filtered: boolean;
  readonly rows: readonly DetectionRow[];
  readonly onChange: (part: DetectionsSearch) => void;
}

function FilterBar({ search, filtered, rows, onChange }: FilterBarProps) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const host = rows.find((row) => row.host.id === search.host)?.host.name;
  return (
    <Filters active={filtered} onClear={() => void navigate({ search: {} })}>
      <SearchField
        label={t('detections.search')}
        value={search.search}
        onChange={(value) => onChange({ search: value })}
      />
      <UnitChoice value={search.unit} onChange={(unit) => onChange({ unit })} />
      <Choice
        label={t('remedyOutcome.label')}
        value={search.outcome}
        width={220}
        options={OUTCOMES.map((value) => ({ value, label: t(`remedyOutcome.${value}`) }))}
        onChange={(outcome) => onChange({ outcome })}
      />
      <Choice
        label={t('detections.range')}
        value={search.range}
        width={190}
        options={RANGES.map((value) => ({ value, label: t(`timeline.ranges.${value}`) }))}
        onChange={(range) => onChange({ range, from: startOf(range, Date.now()) })}
      />
      {search.host !== undefined && (
        <Chosen
          label={t('detections.onlyHost', { name: host === undefined ? `#${search.host}` : escapeHostile(host) })}
          onRemove={() => onChange({ host: undefined })}
        />
      )}
      {search.threat !== undefined && (
        <Chosen
          label={t('detections.onlyThreat', { name: escapeHostile(search.threat) })}
          onRemove={() => onChange({ threat: undefined })}
        />
      )}
    </Filters>
  );
}

/** A filter that was chosen by a link; it can only be taken away here. */
function Chosen({ label, onRemove }: { label: string; onRemove: () => void }) {
  return (
    <Button
      variant="default"
      className={classes.chosen}
      rightSection={<IconX size={14} aria-hidden />}
      onClick={onRemove}
    >
      {label}
    </Button>
  );
}

interface DetectionTableProps {
  readonly rows: readonly DetectionRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly selected: number | undefined;
  readonly onSelect: (id: number) => void;
}

function DetectionTable({ rows, gone, stale, selected, onSelect }: DetectionTableProps) {
  const { t } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'time', title: t('detections.found', { zone: ZONE_LABEL }), width: 170 },
    { key: 'threat', title: t('detections.threat') },
    { key: 'outcome', title: t('remedyOutcome.label'), width: 220 },
    { key: 'host', title: t('detections.host'), width: 280 },
    { key: 'user', title: t('detections.user'), width: 120 },
  ];
  return (
    <DataTable label={t('detections.title')} columns={columns} stale={stale} stacks>
      {rows.map((detection) => (
        <Row key={detection.id} gone={gone.has(String(detection.id))} selected={detection.id === selected}>
          <Table.Td>
            <Time ms={detection.found_ms} />
          </Table.Td>
          <Table.Td style={{ overflowWrap: 'anywhere' }}>
            <button type="button" {...rowTarget} onClick={() => onSelect(detection.id)}>
              <Hostile text={detection.threat} />
            </button>
            <Text fz="xs" c="dimmed">
              <FileText detection={detection} />
            </Text>
          </Table.Td>
          <Table.Td>
            <OutcomeBadge detection={detection} />
            <Text fz="xs" c="dimmed">
              {word('remedy', detection.action)}
            </Text>
          </Table.Td>
          <Table.Td>
            <Hostile text={detection.host.name} />
            <Text fz="xs" c="dimmed">
              {detection.unit.name}
            </Text>
          </Table.Td>
          <Table.Td>{detection.user != null && <Hostile text={detection.user} />}</Table.Td>
        </Row>
      ))}
    </DataTable>
  );
}

/** As many as are read at a glance; the period's report has twenty. */
const THREATS_SHOWN = 6;

function TopThreats({ filters, search }: { filters: DetectionFilters; search: DetectionsSearch }) {
  const { t, language } = useWords();
  const threats = useQuery(threatsQuery(filters)).data?.items.slice(0, THREATS_SHOWN);
  const shown = (count: number) => formatNumber(count, language);
  return (
    <Panel title={t('detections.top')}>
      {threats?.length === 0 ? (
        <Text c="dimmed">{t('detections.topNone')}</Text>
      ) : (
        <RankedBars
          wide
          label={t('detections.top')}
          bars={(threats ?? []).map(({ threat, files, hosts }) => ({
            key: threat,
            name: (
              <TextLink to="/detections" search={{ ...search, threat, open: undefined }} inherit>
                <Hostile text={threat} />
              </TextLink>
            ),
            count: files,
            said: t('detections.topCount', { files: shown(files), pcs: shown(hosts) }),
          }))}
        />
      )}
    </Panel>
  );
}

function NoDetections({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconVirus size={28} />;
  if (filtered) return <Empty icon={icon} title={t('detections.noMatch')} />;
  return (
    <Empty icon={icon} title={t('detections.empty')}>
      {t('detections.emptyNote')}
    </Empty>
  );
}
