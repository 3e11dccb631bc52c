/** The state of the fleet on one screen; every number leads to the list that it counts. */
import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { overviewQuery } from '~/api/queries';
import type { Overview } from '~/api/types';
import { useWords } from '~/i18n';
import { formatDateTime, formatNumber, formatShare, ZONE_LABEL } from '~/util/format';
import { Bars } from '~/ui/bars';
import { Figure } from '~/ui/figure';
import { Page } from '~/ui/page';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { ToneIcon } from '~/ui/tone';
import type { HostsSearch } from './hosts.search';
import { SEVERITIES } from './alerts.search';
import classes from './overview.module.css';

export function OverviewPage() {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(overviewQuery());
  return (
    <Page
      title={t('overview.title')}
      below={
        data !== undefined && (
          <span className={classes.asOf}>
            {t('overview.asOf', { time: formatDateTime(data.now_ms), zone: ZONE_LABEL })}
          </span>
        )
      }
    >
      {data !== undefined ? (
        <>
          <Coverage overview={data} />
          <OpenAlerts counts={data.alerts_open} />
          <div className={classes.columns}>
            <Attention overview={data} />
            <Integrity overview={data} />
          </div>
        </>
      ) : error !== null ? (
        <Panel>
          <Failed error={error} onRetry={() => void refetch()} />
        </Panel>
      ) : (
        <Panel>
          <Loading lines={10} />
        </Panel>
      )}
    </Page>
  );
}

interface OverviewProps {
  readonly overview: Overview;
}

/** Registered, seen and protected are three different numbers, and the public claim is the third. */
function Coverage({ overview: { hosts } }: { overview: Overview }) {
  const { t, language } = useWords();
  const number = (value: number) => formatNumber(value, language);
  const share = (part: number) => formatShare(part, hosts.registered, language);
  const note = (key: 'overview.seenNote' | 'overview.protectedNote', part: number) => {
    const shown = share(part);
    return shown === null ? t('overview.noHosts') : t(key, { share: shown });
  };
  const complete = hosts.registered > 0 && hosts.protected >= hosts.registered;
  return (
    <section className={classes.three} aria-label={t('overview.coverage')}>
      <Figure
        label={t('overview.registered')}
        value={number(hosts.registered)}
        note={t('overview.registeredNote')}
        to="/hosts"
        search={{ status: 'active' }}
      />
      <Figure
        label={t('overview.seen')}
        value={number(hosts.seen)}
        note={note('overview.seenNote', hosts.seen)}
        to="/hosts"
        search={{ status: 'active', connection: 'seen', sort: 'last_seen' }}
      />
      <Figure
        label={t('overview.protected')}
        value={number(hosts.protected)}
        note={note('overview.protectedNote', hosts.protected)}
        tone={hosts.registered === 0 ? undefined : complete ? 'good' : 'medium'}
        to="/hosts"
        search={{ status: 'active', connection: 'seen', protection: 'protected' }}
      />
    </section>
  );
}

function OpenAlerts({ counts }: { counts: Overview['alerts_open'] }) {
  const { t, language } = useWords();
  return (
    <section className={classes.four} aria-label={t('overview.openAlerts')}>
      {SEVERITIES.map((severity) => (
        <Figure
          key={severity}
          label={`${t('nav.alerts')} · ${t(`severity.${severity}`)}`}
          value={formatNumber(counts[severity], language)}
          tone={counts[severity] > 0 ? severity : undefined}
          to="/alerts"
          search={{ severity }}
        />
      ))}
    </section>
  );
}

interface Problem {
  readonly label: string;
  readonly count: number;
  readonly tone: Tone;
  readonly search: HostsSearch;
}

/** The lists that somebody should work through, even those that are empty today. */
function Attention({ overview: { hosts, protection, hosts_with_missing: withGaps } }: { overview: Overview }) {
  const { t, language } = useWords();
  const problems: Problem[] = [
    {
      label: t('overview.missingAntivirus'),
      count: protection.missing,
      tone: 'high',
      search: { status: 'active', protection: 'missing' },
    },
    { label: t('overview.off'), count: protection.off, tone: 'high', search: { status: 'active', protection: 'off' } },
    {
      label: t('overview.stale'),
      count: protection.stale,
      tone: 'medium',
      search: { status: 'active', protection: 'stale' },
    },
    {
      label: t('overview.unknown'),
      count: protection.unknown,
      tone: 'unknown',
      search: { status: 'active', protection: 'unknown' },
    },
    {
      label: t('overview.silent'),
      count: hosts.silent,
      tone: 'unknown',
      search: { status: 'active', connection: 'silent' },
    },
    { label: t('overview.hostsWithMissing'), count: withGaps, tone: 'medium', search: { missing: true } },
  ];
  return (
    <Panel title={t('overview.problems')} flush>
      <ul className={classes.problems}>
        {problems.map(({ label, count, tone, search }) => (
          <li key={label}>
            <Link to="/hosts" search={search} className={classes.problem} data-row="">
              <ToneIcon tone={count === 0 ? 'good' : tone} />
              <span className={classes.problemLabel}>{label}</span>
              <span className={classes.problemCount}>{formatNumber(count, language)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** A fleet without a PC has nothing to be complete about. */
function Completeness({ overview: { hosts, events_missing: missing, hosts_with_missing: withGaps } }: OverviewProps) {
  const { t, language } = useWords();
  const shown = (count: number) => ({ count, shown: formatNumber(count, language) });
  const tone = hosts.registered === 0 ? 'unknown' : missing > 0 ? 'high' : 'good';
  const texts = {
    unknown: t('overview.noHosts'),
    high: t('overview.missing', shown(missing)),
    good: t('overview.noneMissing'),
  };
  return (
    <Link to="/hosts" search={{ missing: true }} className={classes.missing} data-tone={tone}>
      <ToneIcon tone={tone} size={20} />
      <strong>{texts[tone]}</strong>
      {tone === 'high' && <span>{t('overview.missingNote', shown(withGaps))}</span>}
    </Link>
  );
}

/** Whether anything is missing, and how much arrives. */
function Integrity({ overview }: OverviewProps) {
  const { t, language } = useWords();
  const bars = overview.events_per_hour.map(({ hour_ms: startMs, events: count }) => ({ startMs, count }));
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const shown = (count: number) => ({ count, shown: formatNumber(count, language) });
  return (
    <Panel title={t('overview.integrity')}>
      <div className={classes.integrity}>
        <Completeness overview={overview} />
        <dl className={classes.small}>
          <div>
            <dt>{t('overview.opaque')}</dt>
            <dd>{formatNumber(overview.opaque, language)}</dd>
          </div>
          <div>
            <dt>{t('overview.setAside')}</dt>
            <dd>{formatNumber(overview.set_aside, language)}</dd>
          </div>
        </dl>
      </div>
      <p className={classes.caption}>
        {t('overview.perHour')}
        {bars.length > 0 && ` · ${t('overview.total', shown(total))}`}
      </p>
      {/* Without the store nobody knows: that is not zero events. */}
      {bars.length === 0 ? <Text>{t('error.unavailable')}</Text> : <Bars caption={t('overview.perHour')} bars={bars} />}
    </Panel>
  );
}
