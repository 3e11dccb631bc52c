/** One PC: who it is, whether it is protected and connected, what happened on it, and what is missing. */
import { Alert, Breadcrumbs, Group, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { hostQuery, ledgerQuery } from '~/api/queries';
import type { HostDetail } from '~/api/types';
import { ConnectionText, ProtectionText, SeverityBadge } from '~/components/badges';
import { EventPanel } from '~/components/event-panel';
import { FileTimeline } from '~/components/file-timeline';
import { HostStrain } from '~/components/host-strain';
import { HostState } from '~/components/host-state';
import { LedgerLine, LedgerView } from '~/components/ledger';
import { Timeline } from '~/components/timeline';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import { TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { formatDateTime, formatNumber } from '~/util/format';
import { type HostSearch, TABS } from './host.search';
import classes from './host.module.css';

const route = getRouteApi('/signed-in/shell/hosts/$id');

export function HostPage() {
  const { t } = useWords();
  const { id } = route.useParams();
  const { data, error, refetch } = useQuery(hostQuery(id));
  if (data !== undefined) return <Host key={id} host={data} />;
  return (
    <Page title={t('hosts.title')} above={<Trail />}>
      <Panel>{error === null ? <Loading lines={10} /> : <Failed error={error} onRetry={() => void refetch()} />}</Panel>
    </Page>
  );
}

function Trail({ host }: { host?: HostDetail }) {
  const { t } = useWords();
  return (
    <Breadcrumbs fz="sm">
      <TextLink to="/hosts">{t('hosts.title')}</TextLink>
      {host !== undefined && (
        <TextLink to="/hosts" search={{ unit: host.unit.id }}>
          {host.unit.name}
        </TextLink>
      )}
    </Breadcrumbs>
  );
}

function Host({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (part: HostSearch, replace = true) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace, resetScroll: false });
  const tab = search.tab ?? 'timeline';
  return (
    <Page
      title={host.name}
      heading={<Hostile text={host.name} />}
      above={<Trail host={host} />}
      below={<Summary host={host} />}
    >
      {host.clone !== null && host.clone !== undefined && <CloneNotice clone={host.clone} />}
      <HostStrain strain={host.strain} />
      <Tabs value={tab} onChange={(value) => change({ tab: TABS.find((each) => each === value) })} keepMounted={false}>
        <Tabs.List mb="md">
          {TABS.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t(`host.tabs.${each}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="timeline">
          <Timeline host={host.id} search={search} onChange={change} />
        </Tabs.Panel>
        <Tabs.Panel value="files">
          <FileTimeline host={host.id} search={search} onChange={change} />
        </Tabs.Panel>
        <Tabs.Panel value="state">
          <HostState host={host} />
        </Tabs.Panel>
        <Tabs.Panel value="ledger">
          <LedgerView host={host} />
        </Tabs.Panel>
      </Tabs>
      <EventPanel eventKey={search.event} onClose={() => change({ event: undefined })} />
    </Page>
  );
}

/** That two machines speak for this PC: nothing below is surely about one of them. */
function CloneNotice({ clone }: { clone: NonNullable<HostDetail['clone']> }) {
  const { t } = useWords();
  const { word } = useCodes();
  return (
    <Alert color="red" mb="md" role="alert" title={t('clone.title', { since: formatDateTime(clone.since_ms) })}>
      {word('clone', clone.how)} {t('clone.remedy')}
    </Alert>
  );
}

/** The four things that everybody asks first, in one line each. */
function Summary({ host }: { host: HostDetail }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const ledger = useQuery(ledgerQuery(host.id)).data;
  const severity = host.worst_severity ?? null;
  return (
    <>
      <Text c="dimmed">
        {word('hostKind', host.kind)} · <Hostile text={host.os === '' ? t('common.unknown') : host.os} /> ·{' '}
        {host.unit.name}
      </Text>
      <Group mt={6} className={classes.summary}>
        <ConnectionText host={host} />
        <span className={classes.pair}>
          <span className={classes.quiet}>{t('host.protection')}:</span> <ProtectionText host={host} />
        </span>
        {ledger !== undefined && <LedgerLine ledger={ledger} host={host} />}
        {severity === null ? (
          <span className={classes.quiet}>{t('host.noOpenAlerts')}</span>
        ) : (
          <span className={classes.pair}>
            <SeverityBadge severity={severity} />
            <TextLink to="/alerts" search={{ host: host.id }} inherit>
              {t('host.openAlerts', { count: host.alerts_open, shown: formatNumber(host.alerts_open, language) })}
            </TextLink>
          </span>
        )}
      </Group>
    </>
  );
}
