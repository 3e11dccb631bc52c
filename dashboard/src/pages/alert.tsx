/** One alert: what, where, why, what to do, and everything that was done about it. */
import { Breadcrumbs, Group, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { alertQuery } from '~/api/queries';
import type { AlertDetail, Finding } from '~/api/types';
import { AlertActions } from '~/components/alert-actions';
import { AlertHistory } from '~/components/alert-history';
import { SeverityBadge, StateText } from '~/components/badges';
import { Deliveries } from '~/components/deliveries';
import { Findings } from '~/components/findings';
import { isRansomware, RansomwareEvidence, RansomwareStory } from '~/components/ransomware';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { type Fact, Facts } from '~/ui/facts';
import { Hostile } from '~/ui/hostile';
import { IconClockHour4 } from '~/ui/icons';
import { ButtonLink, TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import classes from './alert.module.css';

const route = getRouteApi('/signed-in/shell/alerts/$id');

export function AlertPage() {
  const { t } = useWords();
  const { id } = route.useParams();
  const { data, error, refetch } = useQuery(alertQuery(id));
  if (data !== undefined) return <Alert alert={data} />;
  return (
    <Page title={t('alert.number', { id })} above={<Trail />}>
      <Panel>{error === null ? <Loading lines={10} /> : <Failed error={error} onRetry={() => void refetch()} />}</Panel>
    </Page>
  );
}

function Trail() {
  const { t } = useWords();
  return (
    <Breadcrumbs fz="sm">
      <TextLink to="/alerts">{t('alerts.title')}</TextLink>
    </Breadcrumbs>
  );
}

function Alert({ alert }: { alert: AlertDetail }) {
  const { t } = useWords();
  const { sentence, steps: stepsOf, word } = useCodes();
  const ransomware = graverOf(alert.findings_list.filter(isRansomware));
  const steps = stepsOf(alert.steps_code, alert.by_phone);
  return (
    <Page
      title={sentence(alert.title)}
      above={<Trail />}
      below={
        <Group gap="sm">
          <SeverityBadge severity={alert.severity} />
          <StateText state={alert.state} />
          {typeof alert.verdict === 'string' && (
            <Text>
              {t('verdict.label')}: {word('verdict', alert.verdict)}
            </Text>
          )}
          <Text c="dimmed">{t('alert.number', { id: alert.id })}</Text>
        </Group>
      }
      actions={<AlertActions alert={alert} />}
    >
      {ransomware !== undefined && <RansomwareStory evidence={ransomware.evidence} steps={steps} />}
      <div className={classes.columns}>
        <div className={classes.column}>
          {ransomware !== undefined && <RansomwareEvidence key={ransomware.id} evidence={ransomware.evidence} />}
          <Findings host={alert.host.id} findings={alert.findings_list} total={alert.findings} />
          <AlertHistory history={alert.history} />
        </div>
        <div className={classes.column}>
          <Where alert={alert} />
          <Steps alert={alert} isSaidAbove={ransomware !== undefined} />
          <Deliveries deliveries={alert.deliveries} />
        </div>
      </div>
    </Page>
  );
}

/** The alarm before a warning; of several, the newest. */
function graverOf(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ severity }) => severity === 'critical') ?? findings[0];
}

function Where({ alert }: { alert: AlertDetail }) {
  const { t } = useWords();
  const host: Fact = [
    alert.about_unit ? t('alerts.firstHost') : t('alerts.host'),
    <TextLink key="host" to="/hosts/$id" params={{ id: alert.host.id }} fw={600} inherit>
      <Hostile text={alert.host.name} />
    </TextLink>,
  ];
  const unit: Fact = [t('alerts.unit'), alert.unit.name];
  return (
    <Panel title={t('alert.where')}>
      <Facts
        facts={[
          ...(alert.about_unit ? [unit, host] : [host, unit]),
          [t('alert.opened'), <Time key="opened" ms={alert.opened_ms} />],
          [t('alert.updatedAt'), <Time key="updated" ms={alert.updated_ms} />],
          [t('alerts.assignee'), alert.assignee ?? t('alerts.nobody')],
        ]}
      />
      {alert.about_unit ? <UnitPages alert={alert} /> : <Timeline host={alert.host.id} />}
    </Panel>
  );
}

function Timeline({ host }: { host: number }) {
  const { t } = useWords();
  return (
    <ButtonLink
      to="/hosts/$id"
      params={{ id: host }}
      variant="default"
      mt="md"
      fullWidth
      leftSection={<IconClockHour4 size={16} aria-hidden />}
    >
      {t('alert.timeline')}
    </ButtonLink>
  );
}

/** What is about several PCs is seen on the pages about them, not on the first one's. */
function UnitPages({ alert: { category, unit } }: { alert: AlertDetail }) {
  const { t } = useWords();
  if (category === 'updates' || category === 'protection') {
    return (
      <ButtonLink
        to="/protection/pcs"
        search={{ unit: unit.id, protection: 'stale' }}
        variant="default"
        mt="md"
        fullWidth
      >
        {t('alert.unitPcs')}
      </ButtonLink>
    );
  }
  return (
    <ButtonLink to="/detections" search={{ unit: unit.id }} variant="default" mt="md" fullWidth>
      {t('alert.unitDetections')}
    </ButtonLink>
  );
}

/** What may be an attack while nobody says otherwise: the PC is taken off the network, and its traces are kept. */
const CONTAINED: ReadonlySet<string> = new Set([
  'antivirus.off',
  'antivirus.real_time_off',
  'antivirus.exclusions_added',
  'file.critical_changed',
]);

/** What the duty office does in the end about some things only. */
const OWN_LAST = {
  'file.known_bad': 'dutySteps.knownBad',
  'tripwire.ransomware': 'dutySteps.ransomware',
  'tripwire.suspicious': 'dutySteps.suspicious',
} as const;

/** What spreads: every PC concerned is taken off the network. */
const SPREADING: ReadonlySet<string> = new Set(['malware.not_remediated', 'malware.outbreak']);

/** Both sides of the telephone: what the duty office does, and what the mail asks of the unit unless it stands above. */
function Steps({ alert, isSaidAbove }: { alert: AlertDetail; isSaidAbove: boolean }) {
  const { t } = useWords();
  const code = alert.steps_code;
  const unit = useCodes().steps(code, alert.by_phone);
  const told = alert.unit_told ? t('dutySteps.confirm') : t('dutySteps.tell');
  const contained = CONTAINED.has(code) ? t('dutySteps.contain') : t('dutySteps.mend');
  const own = code in OWN_LAST ? t(OWN_LAST[code as keyof typeof OWN_LAST]) : contained;
  const first = code === 'tripwire.ransomware' ? t('dutySteps.unplug') : t('dutySteps.take');
  const last = SPREADING.has(code) ? t('dutySteps.containAll') : own;
  return (
    <Panel title={t('alert.steps')}>
      <StepList title={t('alert.stepsDuty')} steps={[first, told, last]} />
      {unit.length > 0 && !isSaidAbove && <StepList title={t('alert.stepsUnit')} steps={unit} />}
    </Panel>
  );
}

function StepList({ title, steps }: { title: string; steps: readonly string[] }) {
  return (
    <section className={classes.steps}>
      <Title order={3}>{title}</Title>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </section>
  );
}
