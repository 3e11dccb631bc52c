/**
 * What an event says, as a code with parameters: from its own fields where this page knows them, else
 * from the summary that the server sends with it.
 */
import type { EventRow, Phrase } from '~/api/types';
import { outcomeCode } from '~/util/outcome';

type Told = Pick<EventRow, 'kind' | 'summary' | 'probe' | 'detail'>;
type Detail = Readonly<Record<string, unknown>>;

/** The phrase of every kind but files, which are shown from their fields. */
export function phraseOf({ kind, summary, probe, detail }: Told): Phrase {
  if (kind === 'probe_state' && probe != null) {
    const { probe: name, target, state, error } = probe;
    return { code: `event.probe_${state ?? 'unknown'}`, params: { probe: name, target, error } };
  }
  return (detail == null ? undefined : PHRASES[kind]?.(detail)) ?? summary;
}

const PHRASES: Readonly<Record<string, (detail: Detail) => Phrase | undefined>> = {
  antivirus: ({ products }) => {
    if (!Array.isArray(products)) return undefined;
    const names = products.map((each: { product?: unknown }) => String(each.product)).join(', ');
    return names === ''
      ? { code: 'event.antivirus_none', params: {} }
      : { code: 'event.antivirus', params: { products: names } };
  },
  network: ({ adapters, gateways, resolvers }) => ({
    code: 'event.network',
    params: { adapters: namesOf(adapters), gateways: listed(gateways), resolvers: listed(resolvers) },
  }),
  presence: ({ state, reason, agent_version: version, after_crash: afterCrash, new_boot: newBoot }) => {
    if (state === 'stopping') return { code: 'event.stopping', params: { stop_reason: reason } };
    if (state !== 'started') return undefined;
    const how = afterCrash === true ? '_after_crash' : newBoot === true ? '_new_boot' : '';
    return { code: `event.started${how}`, params: { version } };
  },
  blind: ({ sensor, scope, reason }) => ({
    code: 'event.blind',
    params: { sensor, scope: scope === '' ? 'everything' : scope, blind_reason: reason },
  }),
  unsupported: ({ sensor, what, why, cured }) =>
    cured === true
      ? { code: 'event.supported', params: { sensor, what } }
      : { code: 'event.unsupported', params: { sensor, what, why } },
  command_result: ({ done, detail }) => ({
    code: done === true ? 'event.command_done' : 'event.command_refused',
    params: { result: detail },
  }),
  detection: ({ product, threat, action, outcome, code }) => ({
    code: 'event.detection',
    params: { product, threat, remedy: action, remedy_outcome: outcomeCode(String(outcome), code) },
  }),
  neighbours: ({ neighbours }) => {
    const seen = Array.isArray(neighbours) ? neighbours.length : undefined;
    return seen === 0
      ? { code: 'event.neighbours_none', params: {} }
      : { code: 'event.neighbours', params: { machines: seen } };
  },
  tripwire: ({ level, files_touched: files }) => ({
    code: level === 'warning' ? 'event.tripwire_warning' : 'event.tripwire_alarm',
    params: { files },
  }),
  opaque: ({ reason }) => ({ code: 'event.opaque', params: { reason } }),
};

function listed(values: unknown): string {
  return Array.isArray(values) ? values.map(String).join(', ') : '';
}

function namesOf(adapters: unknown): string {
  return Array.isArray(adapters) ? adapters.map((each: { name?: unknown }) => String(each.name)).join(', ') : '';
}
