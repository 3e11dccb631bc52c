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

export function ProtectionText({ protection }: { protection: HostRow['protection'] }) {
  const { word } = useCodes();
  return <ToneText tone={PROTECTION_TONE[protection] ?? 'unknown'}>{word('protection', protection)}</ToneText>;
}

type Connected = Pick<HostRow, 'connected' | 'connected_since_ms' | 'last_seen_ms'>;

/** Connected since when, or not connected and when it was last heard. */
export function ConnectionText({ host }: { host: Connected }) {
  const { t } = useWords();
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
