/** Why an alert exists: its findings, each with the evidence that the rule saw. */
import { Text } from '@mantine/core';
import type { Finding } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { TextLink } from '~/ui/link';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { ToneText } from '~/ui/tone';
import { formatDateTime, formatNumber } from '~/util/format';
import { SeverityBadge } from './badges';
import { EvidenceFacts } from './evidence';
import classes from './findings.module.css';

interface FindingsProps {
  readonly host: number;
  readonly findings: readonly Finding[];
  readonly total: number;
}

export function Findings({ host, findings, total }: FindingsProps) {
  const { t, language } = useWords();
  const cut = total > findings.length;
  const note = cut && (
    <Text c="dimmed" fz="sm">
      {t('alert.newest', { count: findings.length, shown: formatNumber(findings.length, language) })} /{' '}
      {formatNumber(total, language)}
    </Text>
  );
  return (
    <Panel title={t('alert.why')} aside={note} flush>
      {findings.map((finding) => (
        <OneFinding key={finding.id} host={host} finding={finding} />
      ))}
    </Panel>
  );
}

function OneFinding({ host, finding }: { host: number; finding: Finding }) {
  const { t } = useWords();
  const { sentence } = useCodes();
  const eventKey = finding.evidence['event_key'];
  const closed = finding.closed_ms;
  return (
    <article className={classes.finding} data-tone={finding.severity}>
      <header className={classes.head}>
        <strong className={classes.title}>{sentence({ code: finding.rule, params: finding.evidence })}</strong>
        <SeverityBadge severity={finding.severity} />
      </header>
      <div className={classes.when}>
        <Time ms={finding.opened_ms} />
        {typeof closed === 'number' ? (
          <ToneText tone="good">{t('alert.findingClosed', { time: formatDateTime(closed) })}</ToneText>
        ) : (
          <span>{t('alert.findingOpen')}</span>
        )}
        <span>
          {t('alert.rule')}: <code>{finding.rule}</code>
        </span>
        {typeof eventKey === 'string' && (
          <TextLink to="/hosts/$id" params={{ id: host }} search={{ event: eventKey }} inherit>
            {t('alert.event')}
          </TextLink>
        )}
      </div>
      <EvidenceFacts evidence={finding.evidence} />
    </article>
  );
}
