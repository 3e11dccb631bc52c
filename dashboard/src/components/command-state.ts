/** How far a command has come: ordered, sent, answered; or lapsed, because nobody answered in time. */
import type { Command } from '~/api/types';

export type CommandState = 'ordered' | 'sent' | 'done' | 'failed' | 'lapsed';

type Told = Pick<Command, 'done' | 'sent_ms' | 'expires_ms'>;

export function stateOf({ done, sent_ms: sentMs, expires_ms: expiresMs }: Told, now: number): CommandState {
  if (typeof done === 'boolean') return done ? 'done' : 'failed';
  if (expiresMs <= now) return 'lapsed';
  return typeof sentMs === 'number' ? 'sent' : 'ordered';
}
