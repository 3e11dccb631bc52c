/** Questions about the changes of files and the hash lists, keyed and asked as those of `queries.ts`. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, dataOf } from './client';
import { after, first, PAGE } from './queries';
import type { ExplainedRun, FileTimelineFilters, HashFilters } from './types';

/** The key begins as that of a PC's events: the same news makes both stale. */
export const fileTimelineQuery = (host: number, filters: FileTimelineFilters) =>
  infiniteQueryOptions({
    queryKey: ['events', host, 'files', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/hosts/{id}/file-timeline', {
          params: { path: { id: host }, query: { ...filters, cursor: pageParam, limit: PAGE } },
          signal,
        }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

/** As many of one explained run as are shown at once. */
export const RUN_MAX = 200;

/** Each change of one explained run. */
export const runQuery = (host: number, run: ExplainedRun) =>
  queryOptions({
    queryKey: ['events', host, 'run', run.cause.kind, run.cause.name, run.cause.version, run.first_ms, run.last_ms],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/v1/hosts/{id}/events', {
          params: {
            path: { id: host },
            query: {
              kind: 'file',
              cause_name: run.cause.name,
              ...(run.cause.version === null ? {} : { cause_version: run.cause.version }),
              from_ms: run.first_ms,
              // The end is not part of what is asked for.
              to_ms: run.last_ms + 1,
              limit: RUN_MAX,
            },
          },
          signal,
        }),
      ),
    // A run that still grows keeps its rows while it is asked for again.
    placeholderData: keepPreviousData,
  });

export const hashesQuery = (filters: HashFilters) =>
  infiniteQueryOptions({
    queryKey: ['hashes', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(api.GET('/api/v1/hashes', { params: { query: { ...filters, cursor: pageParam, limit: PAGE } }, signal })),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const hashesCountQuery = (filters: HashFilters) =>
  queryOptions({
    queryKey: ['hashes', 'count', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/hashes/count', { params: { query: filters }, signal })),
  });

export const sightingsQuery = (sha256: string) =>
  queryOptions({
    queryKey: ['hashes', 'sightings', sha256],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/v1/hashes/{sha256}/sightings', { params: { path: { sha256 } }, signal })),
  });
