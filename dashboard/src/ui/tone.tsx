/** A tone made visible: an icon, a word and a colour, never the colour alone. */
import type { ReactNode } from 'react';
import {
  IconAlertOctagonFilled,
  IconAlertSquareRoundedFilled,
  IconAlertTriangleFilled,
  IconCircleCheckFilled,
  IconHelpCircleFilled,
  IconInfoCircleFilled,
} from './icons';
import type { Tone } from './palette';
import classes from './tone.module.css';

const ICONS = {
  critical: IconAlertOctagonFilled,
  high: IconAlertTriangleFilled,
  medium: IconAlertSquareRoundedFilled,
  low: IconInfoCircleFilled,
  good: IconCircleCheckFilled,
  unknown: IconHelpCircleFilled,
} as const;

/** The icon alone; decorative, because a word always stands beside it. */
export function ToneIcon({ tone, size = 16 }: { tone: Tone; size?: number }) {
  const Icon = ICONS[tone];
  return <Icon className={classes.icon} data-tone={tone} size={size} aria-hidden />;
}

/** A small label with ground, icon and word. */
export function ToneBadge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={classes.badge} data-tone={tone}>
      <ToneIcon tone={tone} size={14} />
      {children}
    </span>
  );
}

/** Icon and word without a ground, for dense tables. */
export function ToneText({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={classes.text} data-tone={tone}>
      <ToneIcon tone={tone} size={15} />
      <span>{children}</span>
    </span>
  );
}
