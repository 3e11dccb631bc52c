/** The body of every list: loading at first, failed, empty, or its rows. */
import type { ReactNode } from 'react';
import { Failed, Loading } from './states';

interface ListBodyProps {
  /** What the query says. */
  readonly query: { readonly isPending: boolean; readonly error: unknown; readonly refetch: () => unknown };
  /** How many rows are on the page. */
  readonly shown: number;
  readonly empty: ReactNode;
  readonly children: ReactNode;
}

/** Rows that are already shown stay when asking again fails; the live indicator tells why. */
export function ListBody({ query, shown, empty, children }: ListBodyProps) {
  if (shown > 0) return children;
  if (query.error !== null) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <Loading lines={8} />;
  return empty;
}
