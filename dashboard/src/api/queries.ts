/**
 * Every question the dashboard asks, as a key and a function: loaders fetch them, pages read them.
 *
 * The first part of a key names what is shown (`alerts`, `host`, …); live news invalidates by it.
 */
import { infiniteQueryOptions, MutationCache, QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import { api, ApiError, dataOf, rememberCsrf } from './client';
import type { AlertFilters, EventFilters, HostFilters } from './types';

/** One page of a list: a screenful and a half. */
export const PAGE = 50;

/** A refusal is an answer; only silence and a busy store are worth asking again. */
function worthAsking(failures: number, error: unknown): boolean {
  const transient = error instanceof ApiError && (error.status === 0 || error.status === 503);
  return transient && failures < 2;
}

/** Why the session cannot go on as it is. */
export type Stop = 'signed-out' | 'password';

function stopOf(error: unknown): Stop | undefined {
  if (!(error instanceof ApiError)) return undefined;
  if (error.code === 'unauthenticated') return 'signed-out';
  return error.code === 'password_change_required' ? 'password' : undefined;
}

/** `onStop` is called when the collector wants the user to sign in again, or to set a password first. */
export function createQueries(onStop: (why: Stop) => void = () => {}): QueryClient {
  const look = (error: unknown) => {
    const why = stopOf(error);
    if (why !== undefined) onStop(why);
  };
  return new QueryClient({
    mutationCache: new MutationCache({ onError: look }),
    queryCache: new QueryCache({
      onError: (error, query) => {
        // Who one is, is asked by the router, which finds the way itself.
        if (query.queryKey[0] !== 'me') look(error);
      },
    }),
    defaultOptions: {
      // Live news says when something is stale; time alone does not.
      queries: { retry: worthAsking, staleTime: 60_000, refetchOnWindowFocus: false },
    },
  });
}

export const meQuery = () =>
  queryOptions({
    queryKey: ['me'],
    queryFn: async ({ signal }) => {
      const me = await dataOf(api.GET('/api/v1/me', { signal }));
      rememberCsrf(me.csrf);
      return me;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export const overviewQuery = () =>
  queryOptions({
    queryKey: ['overview'],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/overview', { signal })),
  });

export const unitsQuery = () =>
  queryOptions({
    queryKey: ['units'],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/units', { signal })),
  });

/** A page after this cursor; the first page has none. */
export const first = undefined as string | undefined;
export const after = (page: { next_cursor?: string | null }) => page.next_cursor ?? undefined;

export const hostsQuery = (filters: HostFilters) =>
  infiniteQueryOptions({
    queryKey: ['hosts', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(api.GET('/api/v1/hosts', { params: { query: { ...filters, cursor: pageParam, limit: PAGE } }, signal })),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const hostsCountQuery = (filters: HostFilters) =>
  queryOptions({
    queryKey: ['hosts', 'count', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/hosts/count', { params: { query: filters }, signal })),
  });

export const hostQuery = (id: number) =>
  queryOptions({
    queryKey: ['host', id],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/hosts/{id}', { params: { path: { id } }, signal })),
  });

export const ledgerQuery = (id: number) =>
  queryOptions({
    queryKey: ['ledger', id],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/hosts/{id}/ledger', { params: { path: { id } }, signal })),
  });

export const eventsQuery = (id: number, filters: EventFilters) =>
  infiniteQueryOptions({
    queryKey: ['events', id, filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/hosts/{id}/events', {
          params: { path: { id }, query: { ...filters, cursor: pageParam, limit: PAGE } },
          signal,
        }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const eventQuery = (key: string) =>
  queryOptions({
    queryKey: ['event', key],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/events/{key}', { params: { path: { key } }, signal })),
    // An event never changes.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const alertsQuery = (filters: AlertFilters) =>
  infiniteQueryOptions({
    queryKey: ['alerts', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(api.GET('/api/v1/alerts', { params: { query: { ...filters, cursor: pageParam, limit: PAGE } }, signal })),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const alertsCountQuery = (filters: AlertFilters) =>
  queryOptions({
    queryKey: ['alerts', 'count', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/alerts/count', { params: { query: filters }, signal })),
  });

export const alertQuery = (id: number) =>
  queryOptions({
    queryKey: ['alert', id],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/alerts/{id}', { params: { path: { id } }, signal })),
  });
