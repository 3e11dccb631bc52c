/** The present state of one PC: identity, protection, network, what cannot be seen, and what its agent did wrong. */
import { Table, Text } from '@mantine/core';
import type { HostDetail } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable } from '~/ui/data-table';
import { Facts, type Fact } from '~/ui/facts';
import { Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { ToneBadge, ToneText } from '~/ui/tone';
import { formatDateTime, formatDuration, formatNumber, ZONE_LABEL } from '~/util/format';
import { ConnectionText } from './badges';
import { HostAntivirus } from './host-antivirus';
import { HostCommands } from './host-commands';
import { HostDetections } from './host-detections';
import { reachabilityTone } from './tones';
import classes from './host-state.module.css';

export function HostState({ host }: { host: HostDetail }) {
  return (
    <div className={classes.columns}>
      <div className={classes.column}>
        <Identity host={host} />
        <Network host={host} />
        <Unsupported host={host} />
        <Troubles host={host} />
      </div>
      <HostAntivirus host={host} />
      <div className={classes.wide}>
        <HostDetections host={host} />
        <HostCommands host={host} />
        <Services host={host} />
      </div>
    </div>
  );
}

function Identity({ host }: { host: HostDetail }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const facts: Fact[] = [
    [t('hosts.unit'), host.unit.name],
    [t('host.kind'), word('hostKind', host.kind)],
    [t('host.os'), <Hostile key="os" text={host.os === '' ? t('common.unknown') : host.os} />],
    [t('host.assetNumber'), given(host.asset_number) ?? t('common.none')],
    [t('host.place'), given(host.place) ?? t('common.none')],
    [t('host.contact'), <Contact key="contact" contact={host.contact} />],
    [t('hosts.connection'), <ConnectionText key="connection" host={host} />],
    [t('host.agent'), <Agent key="agent" host={host} />],
    [t('host.policy'), <PolicyText key="policy" policy={host.policy} />],
    [t('host.alwaysOn'), host.always_on ? t('common.yes') : t('common.no')],
    [t('host.registeredAt'), <Time key="created" ms={host.created_ms} />],
  ];
  const offset = host.clock_offset_ms;
  if (typeof offset === 'number') facts.push([t('host.clock'), formatDuration(Math.abs(offset), language)]);
  return (
    <Panel title={t('host.identity')} aside={<Text c="dimmed">{word('hostStatus', host.status)}</Text>}>
      <Facts facts={facts} />
    </Panel>
  );
}

function Agent({ host }: { host: HostDetail }) {
  const { t } = useWords();
  return (
    <>
      <Hostile text={host.agent_version === '' ? t('common.unknown') : host.agent_version} />
      {host.privileged === false && (
        <div>
          <ToneText tone="medium">{t('host.agentLimited')}</ToneText>
        </div>
      )}
    </>
  );
}

function Contact({ contact }: { contact: HostDetail['contact'] }) {
  const { t } = useWords();
  const parts = [contact.name, contact.phone, contact.email].flatMap((part) => given(part) ?? []);
  return <>{parts.length === 0 ? t('common.none') : parts.join(' · ')}</>;
}

function PolicyText({ policy }: { policy: HostDetail['policy'] }) {
  const { phrase } = useCodes();
  const text = phrase('host.policyState', policy.state, { version: policy.version, refusal: policy.refusal });
  return policy.state === 'refused' ? <ToneText tone="high">{text}</ToneText> : <>{text}</>;
}

function Network({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const report = host.network ?? null;
  if (report === null) {
    return (
      <Panel title={t('host.network')}>
        <Text c="dimmed">{t('host.noReport')}</Text>
      </Panel>
    );
  }
  const list = (addresses: readonly string[]) =>
    addresses.length === 0 ? t('common.none') : <Hostile text={addresses.join(', ')} mono />;
  const adapters = report.adapters.map((adapter): Fact => [
    `${t('host.adapter')} ${adapter.name}`,
    <span key={adapter.name}>
      {list(adapter.addresses)}
      {adapter.mac !== '' && (
        <>
          {' '}
          · <Hostile text={adapter.mac} mono />
        </>
      )}
      {!adapter.up && ` · ${t('host.adapterDown')}`}
    </span>,
  ]);
  return (
    <Panel title={t('host.network')}>
      <Facts
        facts={[
          ...adapters,
          [t('host.gateways'), list(report.gateways)],
          [t('host.resolvers'), list(report.resolvers)],
        ]}
      />
      <Text c="dimmed" fz="sm" mt="sm">
        {t('host.asOf', { time: formatDateTime(report.at_ms) })}
      </Text>
    </Panel>
  );
}

function Services({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'service', title: t('host.service') },
    { key: 'target', title: t('host.target') },
    { key: 'state', title: t('host.serviceState'), width: 320 },
    { key: 'since', title: t('host.sinceColumn', { zone: ZONE_LABEL }), width: 190 },
  ];
  return (
    <Panel title={t('host.services')} flush={host.probes.length > 0}>
      {host.probes.length === 0 ? (
        <Text c="dimmed">{t('host.noServices')}</Text>
      ) : (
        <DataTable label={t('host.services')} columns={columns} stacks>
          {host.probes.map((probe) => (
            <Table.Tr key={probe.probe}>
              <Table.Td data-label={t('host.service')}>
                <Hostile text={probe.probe} />
              </Table.Td>
              <Table.Td data-label={t('host.target')}>
                <Text span inherit c="dimmed">
                  {probe.kind.toUpperCase()}
                </Text>{' '}
                <Hostile text={probe.target} mono />
              </Table.Td>
              <Table.Td data-label={t('host.serviceState')}>
                <ToneBadge tone={reachabilityTone(probe.state)}>{word('reachability', probe.state)}</ToneBadge>{' '}
                {probe.error !== '' && word('probeError', probe.error)}
              </Table.Td>
              <Table.Td data-label={t('ledger.sinceShort')}>
                <Time ms={probe.since_ms} />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Panel>
  );
}

/** What cannot be seen is said, never left out. */
function Unsupported({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const { word } = useCodes();
  if (host.unsupported.length === 0) return null;
  return (
    <Panel title={t('host.unsupported')}>
      <Text c="dimmed" mb="sm">
        {t('host.unsupportedNote')}
      </Text>
      <Facts
        facts={host.unsupported.map(({ sensor, what, why }): Fact => [
          `${word('sensor', sensor)}: ${word('unsupportedWhat', what)}`,
          word('unsupportedWhy', why),
        ])}
      />
    </Panel>
  );
}

/** What the collector had to hold against this PC's agent, the latest first. */
function Troubles({ host }: { host: HostDetail }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  if (host.troubles.length === 0) return null;
  const latest = host.troubles.toSorted((one, other) => other.at_ms - one.at_ms);
  return (
    <Panel title={t('host.troubles')}>
      <Facts
        facts={latest.map(({ trouble, times, at_ms }): Fact => [
          word('trouble', trouble),
          t('host.troubleTimes', { count: times, shown: formatNumber(times, language), last: formatDateTime(at_ms) }),
        ])}
      />
    </Panel>
  );
}

/** Text that somebody filled in; an empty field is none. */
function given(text: string | null | undefined): string | undefined {
  return text == null || text === '' ? undefined : text;
}
