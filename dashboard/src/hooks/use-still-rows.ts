/** Keeps a live list still: see `util/rows.ts` for the rules. */
import { useState } from 'react';
import { merge, present, type Shown } from '~/util/rows';

interface Held<Row> {
  readonly scope: string;
  readonly from: readonly Row[] | undefined;
  readonly shown: Shown<Row>;
}

interface Still<Row> extends Shown<Row> {
  /** The rows answer an earlier question; the new answer is on its way. */
  readonly stale: boolean;
  /** Shows the list as the server has it now. */
  readonly refresh: () => void;
}

/**
 * `scope` names what is listed (the filters): another scope starts afresh, and until its first rows
 * arrive (`latest` is undefined) the former ones stay, so that the page does not blink.
 */
export function useStillRows<Row>(
  latest: readonly Row[] | undefined,
  idOf: (row: Row) => string,
  scope: string,
): Still<Row> {
  const [held, setHeld] = useState<Held<Row>>(() => ({ scope, from: latest, shown: present(latest ?? []) }));
  const current = follow(held, latest, idOf, scope);
  if (current !== held) setHeld(current);
  return {
    ...current.shown,
    stale: current.scope !== scope,
    refresh: () => setHeld({ scope, from: latest, shown: present(latest ?? []) }),
  };
}

function follow<Row>(
  held: Held<Row>,
  latest: readonly Row[] | undefined,
  idOf: (row: Row) => string,
  scope: string,
): Held<Row> {
  if (latest === undefined || (held.scope === scope && held.from === latest)) return held;
  const shown = held.scope === scope ? merge(held.shown, latest, idOf) : present(latest);
  return { scope, from: latest, shown };
}
