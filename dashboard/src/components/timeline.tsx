/** What happened on one PC, the newest first, filtered by the server; an event opens beside the list. */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { eventsQuery } from '~/api/queries';
import type { EventRow } from '~/api/types';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { eventFilters, type HostSearch, KINDS, RANGES, startOf } from '~/pages/host.search';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { IconClockHour4 } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { ZONE_LABEL } from '~/util/format';
import { SeverityBadge } from './badges';
import { Marks } from './file-words';
import { WhoText } from './who';
import { EventSentence } from './event-sentence';
import classes from './timeline.module.css';

interface TimelineProps {
  readonly host: number;
  readonly search: HostSearch;
  readonly onChange: (part: HostSearch) => void;
}

export function Timeline({ host, search, onChange }: TimelineProps) {
  const filters = eventFilters(search);
  const query = useInfiniteQuery(eventsQuery(host, filters));
  const list = useList(query, (event) => event.key, filters);
  const filtered = search.kind !== undefined || search.text !== undefined || search.range !== undefined;
  const clear = () => onChange({ kind: undefined, text: undefined, range: undefined, from: undefined });
  return (
    <div className={classes.timeline}>
      <div className={classes.bar}>
        <TimelineFilters search={search} filtered={filtered} onChange={onChange} onClear={clear} />
        <Waiting count={list.waiting} onShow={list.refresh} />
      </div>
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoEvents filtered={filtered} />}>
          <EventTable
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

interface TimelineFiltersProps {
  readonly search: HostSearch;
  readonly filtered: boolean;
  readonly onChange: (part: HostSearch) => void;
  readonly onClear: () => void;
}

function TimelineFilters({ search, filtered, onChange, onClear }: TimelineFiltersProps) {
  const { t } = useWords();
  return (
    <Filters active={filtered} onClear={onClear}>
      <SearchField label={t('timeline.search')} value={search.text} onChange={(text) => onChange({ text })} />
      <Choice
        label={t('timeline.kind')}
        value={search.kind}
        width={220}
        options={KINDS.map((value) => ({ value, label: t(`kind.${value}`) }))}
        onChange={(kind) => onChange({ kind })}
      />
      <Choice
        label={t('timeline.range')}
        value={search.range}
        width={190}
        options={RANGES.map((value) => ({ value, label: t(`timeline.ranges.${value}`) }))}
        onChange={(range) => onChange({ range, from: startOf(range, Date.now()) })}
      />
    </Filters>
  );
}

interface EventTableProps {
  readonly rows: readonly EventRow[];
  readonly stale: boolean;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
}

function EventTable({ rows, stale, selected, onSelect }: EventTableProps) {
  const { t } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'time', title: t('timeline.time', { zone: ZONE_LABEL }), width: 180 },
    { key: 'kind', title: t('timeline.kind'), width: 170 },
    { key: 'what', title: t('timeline.what') },
    { key: 'who', title: t('timeline.who'), width: 280 },
  ];
  return (
    <DataTable label={t('timeline.title')} columns={columns} stale={stale} stacks>
      {rows.map((event) => (
        <Row key={event.key} selected={event.key === selected}>
          <Table.Td>
            <Time ms={event.time_ms} />
          </Table.Td>
          <Table.Td>
            <Text span inherit c="dimmed">
              {word('kind', event.kind)}
            </Text>
          </Table.Td>
          <Table.Td>
            <button type="button" {...rowTarget} onClick={() => onSelect(event.key)}>
              <EventSentence event={event} />
            </button>{' '}
            <Gravity event={event} />
          </Table.Td>
          <Table.Td>{event.file != null && <WhoText who={event.file.who} />}</Table.Td>
        </Row>
      ))}
    </DataTable>
  );
}

/** How grave it is, and what is known and said of it. */
function Gravity({ event }: { event: EventRow }) {
  if (event.kind === 'tripwire') {
    return <SeverityBadge severity={event.detail?.['level'] === 'warning' ? 'medium' : 'critical'} />;
  }
  return (
    <>
      {event.file?.severity != null && <SeverityBadge severity={event.file.severity} />} <Marks event={event} />
    </>
  );
}

function NoEvents({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconClockHour4 size={28} />;
  if (filtered) return <Empty icon={icon} title={t('timeline.noMatch')} />;
  return (
    <Empty icon={icon} title={t('timeline.empty')}>
      {t('timeline.emptyNote')}
    </Empty>
  );
}
