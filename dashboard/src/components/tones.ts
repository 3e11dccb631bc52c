/** Which tone each word of the domain has, in one place. */
import type { HostRow, Severity } from '~/api/types';
import type { Tone } from '~/ui/palette';

export const PROTECTION_TONE: Readonly<Record<HostRow['protection'], Tone>> = {
  protected: 'good',
  stale: 'medium',
  off: 'high',
  missing: 'high',
  unknown: 'unknown',
};

/** A severity's tone is its own name; the type says that both lists agree. */
export const severityTone = (severity: Severity): Tone => severity;

const STATE_TONE: Readonly<Record<string, Tone>> = { open: 'high', acknowledged: 'low', resolved: 'good' };
const SWITCH_TONE: Readonly<Record<string, Tone>> = { on: 'good', off: 'high', snoozed: 'medium', expired: 'high' };
const OUTCOME_TONE: Readonly<Record<string, Tone>> = {
  succeeded: 'good',
  pending: 'high',
  failed: 'critical',
  unknown: 'unknown',
};
const REACHABILITY_TONE: Readonly<Record<string, Tone>> = { reachable: 'good', unreachable: 'high' };

/** A state that is not known here has the tone of the unknown. */
export const stateTone = (state: string): Tone => STATE_TONE[state] ?? 'unknown';
export const switchTone = (value: string): Tone => SWITCH_TONE[value] ?? 'unknown';
export const outcomeTone = (outcome: string): Tone => OUTCOME_TONE[outcome] ?? 'unknown';
export const reachabilityTone = (state: string): Tone => REACHABILITY_TONE[state] ?? 'unknown';
