/** The domain's states as labels. */
import type { HostRow, Severity } from '~/api/types';
import { useCodes } from '~/i18n/codes';
import { useWords } from '~/i18n';
import { Ago } from '~/ui/time';
import { ToneBadge, ToneText } from '~/ui/tone';
import { PROTECTION_TONE, severityTone, stateTone } from './tones';
import classes from './badges.module.css';

export function SeverityBadge({ severity }: { severity: Severity }) {
  const { word } = useCodes();
  return <ToneBadge tone={severityTone(severity)}>{word('severity', severity)}</ToneBadge>;
}

export function StateText({ state }: { state: string }) {
  const { word } = useCodes();
  return <ToneText tone={stateTone(state)}>{word('state', state)}</ToneText>;
}

interface Protected extends Pick<HostRow, 'protection'> {
  readonly protection_gaps?: HostRow['protection_gaps'];
  readonly protection_reason?: string | null;
}

/** The state and why, and what is off beside it: a PC may count as protected and scan nothing as it is opened. */
export function ProtectionText({ host }: { host: Protected }) {
  const { word } = useCodes();
  const { protection, protection_gaps: gaps = [], protection_reason: reason = null } = host;
  // A state that is its own reason is said once.
  const why = reason === '' || reason === protection ? null : reason;
  return (
    <span className={classes.several}>
      <ToneText tone={PROTECTION_TONE[protection] ?? 'unknown'}>{word('protection', protection)}</ToneText>
      {why !== null && <span className={classes.why}>{word('protectionReason', why)}</span>}
      {gaps.map((gap) => (
        <ToneText key={gap} tone="medium">
          {word('protectionGap', gap)}
        </ToneText>
      ))}
    </span>
  );
}

type Connected = Pick<HostRow, 'connected' | 'connected_since_ms' | 'last_seen_ms' | 'revoked'>;

/** Connected, barred from it, or not connected and when it was last heard. */
export function ConnectionText({ host }: { host: Connected }) {
  const { t } = useWords();
  if (host.revoked && !host.connected) return <ToneText tone="high">{t('connection.revoked')}</ToneText>;
  if (host.connected) return <ToneText tone="good">{t('connection.connected')}</ToneText>;
  if (typeof host.last_seen_ms !== 'number') return <ToneText tone="unknown">{t('connection.never')}</ToneText>;
  return (
    <ToneText tone="unknown">
      {t('connection.silent')}{' '}
      <span className={classes.quiet}>
        · <Ago ms={host.last_seen_ms} />
      </span>
    </ToneText>
  );
}
