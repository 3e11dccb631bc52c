/** A paged list that is kept still while news arrives. */
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useStillRows } from './use-still-rows';

interface PageOf<Row> {
  readonly items: readonly Row[];
}

/** `filters` are part of the query's key: another question starts a new list. */
export function useList<Row>(
  query: UseInfiniteQueryResult<InfiniteData<PageOf<Row>>>,
  idOf: (row: Row) => string,
  filters: unknown,
) {
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const latest = useMemo(() => data?.pages.flatMap((page) => page.items), [data]);
  const still = useStillRows(latest, idOf, JSON.stringify(filters));
  const more = { visible: hasNextPage, loading: isFetchingNextPage, onMore: () => void fetchNextPage() };
  return { ...still, more };
}
