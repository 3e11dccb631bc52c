/**
 * What became of the watched files of one PC, the newest first: what, who, what explains it, what was said of it.
 *
 * All that one installation changed is one row that opens; what nothing explains stands by itself.
 */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { fileTimelineQuery, RUN_MAX, runQuery } from '~/api/file-queries';
import type { EventRow, ExplainedRun, FileEntry } from '~/api/types';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { EXPLAINED, fileFilters, type HostSearch } from '~/pages/host.search';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { FilePath } from '~/ui/hostile';
import { IconChevronDown, IconChevronRight, IconFile } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Panel } from '~/ui/panel';
import { Empty, Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatDateTime, formatNumber, ZONE_LABEL } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import { SeverityBadge } from './badges';
import { EventSentence } from './event-sentence';
import { CauseText, ChangeNote, isStandard, Marks, PLACES, WatchText } from './file-words';
import { WhoText } from './who';
import timeline from './timeline.module.css';
import classes from './file-timeline.module.css';

interface FileTimelineProps {
  readonly host: number;
  readonly search: HostSearch;
  readonly onChange: (part: HostSearch) => void;
}

/** The columns of the table, and what a row that opens spans. */
const COLUMNS = 4;

export function FileTimeline({ host, search, onChange }: FileTimelineProps) {
  const filters = fileFilters(search);
  const query = useInfiniteQuery(fileTimelineQuery(host, filters));
  const list = useList(query, entryKey, filters);
  const filtered = Object.values(filters).some((value) => value !== undefined);
  return (
    <div className={timeline.timeline}>
      <div className={timeline.bar}>
        <FileFilters
          search={search}
          filtered={filtered}
          rows={list.rows}
          onChange={onChange}
          onClear={() => onChange({ text: undefined, watch: undefined, explained: undefined })}
        />
        <Waiting count={list.waiting} onShow={list.refresh} />
      </div>
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoChanges filtered={filtered} />}>
          <FileTable
            host={host}
            rows={list.rows}
            stale={list.stale}
            selected={search.event}
            onSelect={(event) => onChange({ event })}
          />
          <More {...list.more} />
        </ListBody>
      </Panel>
    </div>
  );
}

/** A run keeps its place while it grows: it is named by where it began. */
function entryKey(entry: FileEntry): string {
  if (entry.type === 'event') return entry.event.key;
  const { kind, name, version } = entry.cause;
  return JSON.stringify([kind, name, version, entry.first_ms]);
}

interface FileFiltersProps {
  readonly search: HostSearch;
  readonly filtered: boolean;
  readonly rows: readonly FileEntry[];
  readonly onChange: (part: HostSearch) => void;
  readonly onClear: () => void;
}

function FileFilters({ search, filtered, rows, onChange, onClear }: FileFiltersProps) {
  const { t } = useWords();
  const places = PLACES.map((place) => ({ value: `standard:${place}`, label: t(`watchPlace.${place}`) }));
  const own = ownWatches(rows, search.watch).map((value) => ({ value, label: escapeHostile(value) }));
  return (
    <Filters active={filtered} onClear={onClear}>
      <SearchField label={t('fileTimeline.search')} value={search.text} onChange={(text) => onChange({ text })} />
      <Choice
        label={t('fileTimeline.watch')}
        value={search.watch}
        width={270}
        options={[...places, ...own]}
        onChange={(watch) => onChange({ watch })}
      />
      <Choice
        label={t('fileTimeline.explained')}
        anyLabel={t('fileTimeline.explainedChoice.all')}
        value={search.explained}
        width={290}
        options={EXPLAINED.map((value) => ({ value, label: t(`fileTimeline.explainedChoice.${value}`) }))}
        onChange={(explained) => onChange({ explained })}
      />
    </Filters>
  );
}

/** The watches of the policy's own: those that the list shows, and the one that is asked for. */
function ownWatches(rows: readonly FileEntry[], asked: string | undefined): string[] {
  const seen = rows.flatMap((entry) => (entry.type === 'event' ? [entry.event.file?.watch] : entry.watches));
  const named = [...seen, asked].filter((watch) => watch !== undefined && watch !== '' && !isStandard(watch));
  return [...new Set(named as string[])].toSorted();
}

interface FileTableProps {
  readonly host: number;
  readonly rows: readonly FileEntry[];
  readonly stale: boolean;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
}

function FileTable({ host, rows, stale, selected, onSelect }: FileTableProps) {
  const { t } = useWords();
  const columns = [
    { key: 'time', title: t('fileTimeline.time', { zone: ZONE_LABEL }), width: 180 },
    { key: 'what', title: t('fileTimeline.what') },
    { key: 'watch', title: t('fileTimeline.watch'), width: 200 },
    { key: 'who', title: t('fileTimeline.who'), width: 270 },
  ];
  return (
    <DataTable label={t('fileTimeline.title')} columns={columns} stale={stale} stacks>
      {rows.map((entry) =>
        entry.type === 'event' ? (
          <ChangeRow
            key={entryKey(entry)}
            event={entry.event}
            selected={entry.event.key === selected}
            onSelect={onSelect}
          />
        ) : (
          <RunRows key={entryKey(entry)} host={host} run={entry} selected={selected} onSelect={onSelect} />
        ),
      )}
    </DataTable>
  );
}

interface ChangeRowProps {
  readonly event: EventRow;
  readonly selected: boolean;
  /** It is one of those that a row above stands for. */
  readonly inner?: boolean;
  readonly onSelect: (key: string) => void;
}

function ChangeRow({ event, selected, inner = false, onSelect }: ChangeRowProps) {
  const { file } = event;
  return (
    <Row selected={selected}>
      <Table.Td className={inner ? classes.inner : undefined}>
        <Time ms={event.time_ms} />
      </Table.Td>
      <Table.Td className={classes.what}>
        <button type="button" {...rowTarget} onClick={() => onSelect(event.key)}>
          <EventSentence event={event} />
        </button>{' '}
        {file?.severity != null && <SeverityBadge severity={file.severity} />} <Marks event={event} />
        {!inner && <ChangeNote event={event} />}
      </Table.Td>
      <Table.Td>{file != null && <WatchText watch={file.watch} />}</Table.Td>
      <Table.Td>{file != null && <WhoText who={file.who} full />}</Table.Td>
    </Row>
  );
}

interface RunRowsProps {
  readonly host: number;
  readonly run: ExplainedRun;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
}

/** All that one package or one planned window changed, folded into one row. */
function RunRows({ host, run, selected, onSelect }: RunRowsProps) {
  const { t, language } = useWords();
  const [open, setOpen] = useState(false);
  const Chevron = open ? IconChevronDown : IconChevronRight;
  return (
    <>
      <Row>
        <Table.Td>
          <Time ms={run.last_ms} />
        </Table.Td>
        <Table.Td className={classes.what}>
          <button
            type="button"
            {...rowTarget}
            aria-expanded={open}
            title={open ? t('fileTimeline.shut') : t('fileTimeline.open')}
            onClick={() => setOpen(!open)}
          >
            <Chevron size={14} aria-hidden /> <CauseText cause={run.cause} />:{' '}
            {t('fileTimeline.run', { count: run.count, shown: formatNumber(run.count, language) })}
          </button>
          <RunNote run={run} />
        </Table.Td>
        <Table.Td>
          {run.watches.map((watch, index) => (
            <span key={watch}>
              {index > 0 && ', '}
              <WatchText watch={watch} />
            </span>
          ))}
        </Table.Td>
        <Table.Td>
          {run.cause.kind === 'planned' ? null : (
            <Text span inherit c="dimmed">
              {run.cause.by}
            </Text>
          )}
        </Table.Td>
      </Row>
      {open && <RunChanges host={host} run={run} selected={selected} onSelect={onSelect} />}
    </>
  );
}

function RunNote({ run }: { run: ExplainedRun }) {
  const { t } = useWords();
  const paths = run.paths;
  return (
    <Text fz="xs" c="dimmed" className={classes.samples}>
      {run.first_ms < run.last_ms && <>{t('fileTimeline.runFrom', { time: formatDateTime(run.first_ms) })}; </>}
      {t('fileTimeline.runSamples')}{' '}
      {paths.map((path, index) => (
        <span key={`${path.hex} ${path.text}`}>
          {index > 0 && ', '}
          <FilePath path={path.text} hex={path.hex} />
        </span>
      ))}
      {run.count > paths.length && ' …'}
    </Text>
  );
}

function RunChanges({ host, run, selected, onSelect }: RunRowsProps) {
  const { t, language } = useWords();
  const { data, error, refetch } = useQuery(runQuery(host, run));
  if (data === undefined) {
    return (
      <Table.Tr>
        <Table.Td colSpan={COLUMNS}>
          {error === null ? <Loading lines={3} /> : <Failed error={error} onRetry={() => void refetch()} />}
        </Table.Td>
      </Table.Tr>
    );
  }
  return (
    <>
      {data.items.map((event) => (
        <ChangeRow key={event.key} event={event} selected={event.key === selected} inner onSelect={onSelect} />
      ))}
      {run.count > data.items.length && (
        <Table.Tr>
          <Table.Td colSpan={COLUMNS}>
            <Text fz="sm" c="dimmed">
              {t('fileTimeline.runTooMany', { shown: formatNumber(RUN_MAX, language) })}
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function NoChanges({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconFile size={28} />;
  if (filtered) return <Empty icon={icon} title={t('fileTimeline.noMatch')} />;
  return (
    <Empty icon={icon} title={t('fileTimeline.empty')}>
      {t('fileTimeline.emptyNote')}
    </Empty>
  );
}
