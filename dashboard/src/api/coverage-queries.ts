/**
 * Questions about protection, malware and coverage, keyed and asked as those of `queries.ts`.
 *
 * Numbers over the whole fleet change with every PC's news. To ask again each time would be a question a
 * second; they are asked again once a minute while somebody looks.
 */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, dataOf } from './client';
import { after, first, PAGE } from './queries';
import type {
  CertificateFilters,
  CoverageFilters,
  DetectionFilters,
  ExceptionFilters,
  HistoryFilters,
  MachineFilters,
  PcFilters,
  ReportFilters,
} from './types';

const FLEET_MS = 60_000;
/** A command that somebody waits for; the news of its result comes sooner, unless it is lost. */
const COMMAND_MS = 5_000;

export const matrixQuery = (unit: number | undefined) =>
  queryOptions({
    queryKey: ['protection', 'matrix', unit],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/protection/matrix', { params: { query: { unit } }, signal })),
    refetchInterval: FLEET_MS,
  });

export const productsQuery = (unit: number | undefined) =>
  queryOptions({
    queryKey: ['protection', 'products', unit],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/protection/products', { params: { query: { unit } }, signal })),
    refetchInterval: FLEET_MS,
  });

export const detectionsQuery = (filters: DetectionFilters) =>
  infiniteQueryOptions({
    queryKey: ['detections', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/detections', { params: { query: { ...filters, cursor: pageParam, limit: PAGE } }, signal }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const detectionsCountQuery = (filters: DetectionFilters) =>
  queryOptions({
    queryKey: ['detections', 'count', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/detections/count', { params: { query: filters }, signal })),
  });

export const threatsQuery = (filters: DetectionFilters) =>
  queryOptions({
    queryKey: ['detections', 'threats', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/detections/threats', { params: { query: filters }, signal })),
  });

export const commandsQuery = (host: number) =>
  queryOptions({
    queryKey: ['commands', host],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/hosts/{id}/commands', { params: { path: { id: host } }, signal })),
    refetchInterval: ({ state: { data } }) => {
      const open = data?.items.some((command) => command.done == null && command.expires_ms > Date.now());
      return open === true ? COMMAND_MS : false;
    },
  });

export const coverageQuery = (filters: CoverageFilters) =>
  queryOptions({
    queryKey: ['coverage', 'numbers', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/coverage', { params: { query: filters }, signal })),
    refetchInterval: FLEET_MS,
  });

export const historyQuery = (filters: HistoryFilters) =>
  queryOptions({
    queryKey: ['coverage', 'history', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/coverage/history', { params: { query: filters }, signal })),
  });

export const pcsQuery = (filters: PcFilters) =>
  infiniteQueryOptions({
    queryKey: ['coverage', 'pcs', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/coverage/pcs', { params: { query: { ...filters, cursor: pageParam, limit: PAGE } }, signal }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const pcsCountQuery = (filters: PcFilters) =>
  queryOptions({
    queryKey: ['coverage', 'pcs', 'count', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/coverage/pcs/count', { params: { query: filters }, signal })),
  });

export const exceptionsQuery = (filters: ExceptionFilters) =>
  infiniteQueryOptions({
    queryKey: ['coverage', 'exceptions', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/coverage/exceptions', {
          params: { query: { ...filters, cursor: pageParam, limit: PAGE } },
          signal,
        }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const exceptionsCountQuery = (filters: ExceptionFilters) =>
  queryOptions({
    queryKey: ['coverage', 'exceptions', 'count', filters],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/v1/coverage/exceptions/count', { params: { query: filters }, signal })),
  });

export const machinesQuery = (filters: MachineFilters) =>
  infiniteQueryOptions({
    queryKey: ['coverage', 'machines', filters],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/v1/coverage/unmanaged', {
          params: { query: { ...filters, cursor: pageParam, limit: PAGE } },
          signal,
        }),
      ),
    initialPageParam: first,
    getNextPageParam: after,
  });

export const machinesCountQuery = (filters: MachineFilters) =>
  queryOptions({
    queryKey: ['coverage', 'machines', 'count', filters],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/v1/coverage/unmanaged/count', { params: { query: filters }, signal })),
  });

export const reportQuery = (filters: ReportFilters) =>
  queryOptions({
    queryKey: ['coverage', 'report', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/coverage/report', { params: { query: filters }, signal })),
  });

export const certificateQuery = (filters: CertificateFilters) =>
  queryOptions({
    queryKey: ['certificate', filters],
    queryFn: ({ signal }) => dataOf(api.GET('/api/v1/coverage/certificate', { params: { query: filters }, signal })),
    // Each is an export that is written down: only who asks for one gets one.
    staleTime: Number.POSITIVE_INFINITY,
  });
