/** Whether anything is missing from a PC's story: nothing, or exactly what, and when nobody could see. */
import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ledgerQuery } from '~/api/queries';
import type { HostDetail, Ledger } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable } from '~/ui/data-table';
import { FilePath, Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { ToneIcon, ToneText } from '~/ui/tone';
import { formatDateTime, formatNumber, ZONE_LABEL } from '~/util/format';
import classes from './ledger.module.css';

const LANES = ['urgent', 'state', 'events', 'samples'] as const;

/** The PC whose ledger it is: while it is away nobody knows what waits on it. */
type Presence = Pick<HostDetail, 'id' | 'connected' | 'last_seen_ms'>;

function lastHeard(host: Presence): string {
  return typeof host.last_seen_ms === 'number' ? formatDateTime(host.last_seen_ms) : '–';
}

/** The verdict in one line. A PC from which nothing has come has nothing to be complete about. */
export function LedgerLine({ ledger, host }: { ledger: Ledger; host: Presence }) {
  const { t, language } = useWords();
  if (ledger.streams.length === 0) return <ToneText tone="unknown">{t('ledger.noStreams')}</ToneText>;
  if (ledger.missing === 0) {
    return host.connected ? (
      <ToneText tone="good">{t('ledger.complete')}</ToneText>
    ) : (
      <ToneText tone="unknown">{t('ledger.completeSoFar')}</ToneText>
    );
  }
  return (
    <ToneText tone="high">
      {t('ledger.missing', { count: ledger.missing, shown: formatNumber(ledger.missing, language) })}
    </ToneText>
  );
}

export function LedgerView({ host }: { host: Presence }) {
  const { data, error, refetch } = useQuery(ledgerQuery(host.id));
  if (data === undefined) {
    return <Panel>{error === null ? <Loading /> : <Failed error={error} onRetry={() => void refetch()} />}</Panel>;
  }
  return (
    <div className={classes.view}>
      <Verdict ledger={data} host={host} />
      <Gaps ledger={data} />
      <BlindSpots ledger={data} />
      <Streams ledger={data} />
    </div>
  );
}

function Verdict({ ledger, host }: { ledger: Ledger; host: Presence }) {
  const { t, language } = useWords();
  const shown = (count: number) => ({ count, shown: formatNumber(count, language) });
  const nothing = ledger.streams.length === 0;
  const complete = host.connected ? 'good' : 'unknown';
  const tone = nothing ? 'unknown' : ledger.missing === 0 ? complete : 'high';
  const title = nothing
    ? t('ledger.noStreams')
    : ledger.missing === 0
      ? t(host.connected ? 'ledger.complete' : 'ledger.completeSoFar')
      : t('ledger.missing', shown(ledger.missing));
  return (
    <section className={classes.verdict} data-tone={tone}>
      <ToneIcon tone={tone} size={28} />
      <div>
        <strong className={classes.title}>{title}</strong>
        {tone === 'good' && <div>{t('ledger.completeNote')}</div>}
        {!nothing && !host.connected && <div>{t('ledger.awayNote', { since: lastHeard(host) })}</div>}
        {ledger.opaque > 0 && <div>{t('ledger.opaque', shown(ledger.opaque))}</div>}
        {ledger.set_aside > 0 && <div>{t('ledger.setAside', shown(ledger.set_aside))}</div>}
      </div>
    </section>
  );
}

function Gaps({ ledger }: { ledger: Ledger }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const gaps = ledger.streams.flatMap(({ stream, lanes }) =>
    lanes.flatMap(({ lane, gaps: found }) =>
      found.map((gap) => ({ ...gap, lane, key: `${stream}-${lane}-${gap.first}` })),
    ),
  );
  const columns = [
    { key: 'at', title: t('ledger.declared', { zone: ZONE_LABEL }), width: 190 },
    { key: 'lane', title: t('ledger.lane'), width: 120 },
    { key: 'range', title: t('ledger.range') },
    { key: 'count', title: t('ledger.count'), width: 110, align: 'right' as const },
    { key: 'reason', title: t('ledger.reason') },
    { key: 'kinds', title: t('ledger.kinds') },
  ];
  return (
    <Panel title={t('ledger.gaps')} flush={gaps.length > 0}>
      {gaps.length === 0 ? (
        <Text c="dimmed">{t('ledger.noGaps')}</Text>
      ) : (
        <DataTable label={t('ledger.gaps')} columns={columns} stacks>
          {gaps.map((gap) => (
            <Table.Tr key={gap.key}>
              <Table.Td data-label={t('ledger.declaredShort')}>
                <Time ms={gap.at_ms} />
              </Table.Td>
              <Table.Td data-label={t('ledger.lane')}>{laneName(t, gap.lane)}</Table.Td>
              <Table.Td data-label={t('ledger.range')} className={classes.number}>
                {formatNumber(gap.first, language)} – {formatNumber(gap.last, language)}
              </Table.Td>
              <Table.Td data-label={t('ledger.count')} ta="right" className={classes.number}>
                {formatNumber(gap.last - gap.first + 1, language)}
              </Table.Td>
              <Table.Td data-label={t('ledger.reason')}>{word('gapReason', gap.reason)}</Table.Td>
              <Table.Td data-label={t('ledger.kinds')}>
                {Object.entries(gap.counts)
                  .map(([kind, count]) => `${word('kind', kind)}: ${formatNumber(Number(count), language)}`)
                  .join(', ')}
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Panel>
  );
}

function BlindSpots({ ledger }: { ledger: Ledger }) {
  const { t } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'since', title: t('ledger.since', { zone: ZONE_LABEL }), width: 190 },
    { key: 'until', title: t('ledger.until', { zone: ZONE_LABEL }), width: 190 },
    { key: 'sensor', title: t('ledger.sensor'), width: 190 },
    { key: 'scope', title: t('ledger.scope') },
    { key: 'reason', title: t('ledger.reason') },
  ];
  return (
    <Panel title={t('ledger.blind')} flush={ledger.blind.length > 0}>
      {ledger.blind.length === 0 ? (
        <Text c="dimmed">{t('ledger.noBlind')}</Text>
      ) : (
        <>
          <Text c="dimmed" px="md" pt="xs">
            {t('ledger.blindNote')}
          </Text>
          <DataTable label={t('ledger.blind')} columns={columns} stacks>
            {ledger.blind.map((spot) => (
              <Table.Tr key={`${spot.sensor}-${spot.since_ms}-${spot.scope.hex ?? spot.scope.text}-${spot.reason}`}>
                <Table.Td data-label={t('ledger.sinceShort')}>
                  <Time ms={spot.since_ms} />
                </Table.Td>
                <Table.Td data-label={t('ledger.untilShort')}>
                  <Time ms={spot.until_ms} />
                </Table.Td>
                <Table.Td data-label={t('ledger.sensor')}>{word('sensor', spot.sensor)}</Table.Td>
                <Table.Td data-label={t('ledger.scope')}>
                  <Scope scope={spot.scope} />
                </Table.Td>
                <Table.Td data-label={t('ledger.reason')}>{word('blindReason', spot.reason)}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        </>
      )}
    </Panel>
  );
}

/** What could not be seen: a folder, or something that has a word. */
function Scope({ scope }: Pick<Ledger['blind'][number], 'scope'>) {
  const { word } = useCodes();
  if (scope.text.includes('/') || scope.text.includes('\\')) return <FilePath path={scope.text} hex={scope.hex} />;
  return <>{word('blindScope', scope.text === '' ? 'everything' : scope.text)}</>;
}

function Streams({ ledger }: { ledger: Ledger }) {
  const { t, language } = useWords();
  if (ledger.streams.length === 0) return null;
  const columns = [
    { key: 'stream', title: t('ledger.stream') },
    ...LANES.map((lane) => ({
      key: lane,
      title: `${t('ledger.highWater')} · ${t(`lane.${lane}`)}`,
      align: 'right' as const,
    })),
  ];
  return (
    <Panel title={t('ledger.streams')} flush>
      <DataTable label={t('ledger.streams')} columns={columns}>
        {ledger.streams.map(({ stream, lanes }) => (
          <Table.Tr key={stream}>
            <Table.Td>
              <Hostile text={stream} mono />
            </Table.Td>
            {LANES.map((name, number) => (
              <Table.Td key={name} ta="right" className={classes.number}>
                {formatNumber(lanes.find(({ lane }) => lane === number)?.high_water ?? 0, language)}
              </Table.Td>
            ))}
          </Table.Tr>
        ))}
      </DataTable>
    </Panel>
  );
}

/** A lane beyond those known here keeps its number. */
function laneName(t: ReturnType<typeof useWords>['t'], lane: number): string {
  const name = LANES[lane];
  return name === undefined ? String(lane) : t(`lane.${name}`);
}
