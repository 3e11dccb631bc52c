/**
 * Why an alert exists: its findings, a line each, under whoever caused them.
 *
 * The evidence that the rule saw opens under its line. A page of two hundred findings stays short: the
 * first are shown, the rest on demand.
 */
import { Button, Text } from '@mantine/core';
import { useState } from 'react';
import type { Finding } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { FilePath, Hostile } from '~/ui/hostile';
import { TextLink } from '~/ui/link';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { ToneText } from '~/ui/tone';
import { formatDateTime, formatNumber } from '~/util/format';
import { SeverityBadge } from './badges';
import { EvidenceFacts } from './evidence';
import { type Cause, first, type FindingGroup, grouped } from './finding-groups';
import classes from './findings.module.css';

/** As many lines as a screen holds. */
const SHOWN_FIRST = 20;
/** So few are read one by one: their evidence is open from the start. */
const OPEN_AT_MOST = 2;

interface FindingsProps {
  readonly host: number;
  /** The newest, the newest first. */
  readonly findings: readonly Finding[];
  readonly total: number;
}

export function Findings({ host, findings, total }: FindingsProps) {
  const { t, language } = useWords();
  const [all, setAll] = useState(false);
  const groups = first(grouped(findings), all ? findings.length : SHOWN_FIRST);
  const hidden = all ? 0 : Math.max(0, findings.length - SHOWN_FIRST);
  const note = total > findings.length && (
    <Text c="dimmed" fz="sm">
      {t('alert.newest', { count: findings.length, shown: formatNumber(findings.length, language) })} /{' '}
      {formatNumber(total, language)}
    </Text>
  );
  return (
    <Panel title={t('alert.why')} aside={note} flush>
      {groups.map((group) => (
        <Group key={group.key} host={host} group={group} open={findings.length <= OPEN_AT_MOST} />
      ))}
      {hidden > 0 && (
        <div className={classes.more}>
          <Button variant="default" onClick={() => setAll(true)}>
            {t('alert.moreFindings', { count: hidden, shown: formatNumber(hidden, language) })}
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Group({ host, group, open }: { host: number; group: FindingGroup; open: boolean }) {
  return (
    <section className={classes.group}>
      <CauseText cause={group.cause} total={group.total} />
      <ul className={classes.lines}>
        {group.findings.map((finding) => (
          <Line key={finding.id} host={host} finding={finding} open={open} />
        ))}
      </ul>
    </section>
  );
}

/** A finding that nobody causes, such as an antivirus that is off, has no line about it. */
function CauseText({ cause: { user, program, reason }, total }: { cause: Cause; total: number }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  if (user === '' && program === '' && reason === '') return null;
  return (
    <p className={classes.cause}>
      {program === '' && user === '' ? (
        `${t('process.unavailable')}: ${word('process.reason', reason)}`
      ) : (
        <>
          <Hostile text={user === '' ? t('common.unknown') : user} /> · <Hostile text={program} />
        </>
      )}
      {total > 1 && ` · ${t('alert.findings', { count: total, shown: formatNumber(total, language) })}`}
    </p>
  );
}

function Line({ host, finding, open }: { host: number; finding: Finding; open: boolean }) {
  const [opened, setOpened] = useState(open);
  return (
    <li>
      <details
        className={classes.finding}
        data-tone={finding.severity}
        open={opened}
        onToggle={(event) => setOpened(event.currentTarget.open)}
      >
        <summary className={classes.line}>
          <Time ms={finding.opened_ms} />
          <span className={classes.what}>
            <What finding={finding} />
          </span>
          <SeverityBadge severity={finding.severity} />
        </summary>
        {opened && <Details host={host} finding={finding} />}
      </details>
    </li>
  );
}

/** Of these it counts more that they are known than what was done to them. */
const KNOWN_BAD = 'file.known_bad';

/** A file is told from its evidence, so that the path stays marked as hostile. */
function What({ finding: { rule, evidence } }: { finding: Finding }) {
  const { t } = useWords();
  const { sentence, word } = useCodes();
  const { action, path, path_hex: hex } = evidence;
  if (!rule.startsWith('file.') || typeof action !== 'string' || typeof path !== 'string') {
    return <>{sentence({ code: rule, params: evidence })}</>;
  }
  return (
    <>
      <span className={classes.action}>{rule === KNOWN_BAD ? t('known.bad') : word('fileAction', action)}:</span>{' '}
      <FilePath path={path} hex={path.includes('\uFFFD') && typeof hex === 'string' ? hex : null} />
    </>
  );
}

function Details({ host, finding }: { host: number; finding: Finding }) {
  const { t } = useWords();
  const eventKey = finding.evidence['event_key'];
  const closed = finding.closed_ms;
  return (
    <div className={classes.details}>
      <div className={classes.facts}>
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
    </div>
  );
}
