/** PENDING: shapes that the collector is about to publish; deleted as soon as its document has them. */
import type { Client } from 'openapi-fetch';
import type { components } from './__generated__/schema';
import { api } from './client';

type Schemas = components['schemas'];
type Text = Schemas['Text'];

export interface CauseReport {
  kind: 'package' | 'planned';
  name: string;
  version: string | null;
  by: string;
}
export type ListVerdict = 'bad' | 'good';
export interface ReviewReport {
  id: number;
  for_unit: boolean;
  verdict: 'accepted' | 'flagged';
  reason: string;
  author: string;
  at_ms: number;
}
export interface FileNews {
  changed: string[];
  count: number;
  mode: number | null;
  first_ms: number | null;
  group: string | null;
  acl_sha256: string | null;
  link: { text: Text; target: string } | null;
  cause: CauseReport | null;
  known: ListVerdict | null;
}
export type FileReport = Schemas['FileReport'] & FileNews;
export type EventRow = Omit<Schemas['EventRow'], 'file'> & { file: FileReport | null; review: ReviewReport | null };
export type EventDetail = Omit<Schemas['EventDetail'], 'file'> & {
  file: FileReport | null;
  review: ReviewReport | null;
};
export interface ExplainedRun {
  type: 'explained';
  key: string;
  cause: CauseReport;
  count: number;
  first_ms: number;
  last_ms: number;
  watches: string[];
  paths: Text[];
}
export type FileEntry = { type: 'event'; event: EventRow } | ExplainedRun;
export interface StrainReport {
  budget: string;
  limit: number;
  measured: number;
  since_ms: number;
}
export interface HashRow {
  sha256: string;
  verdict: ListVerdict;
  source: string;
  note: string;
  author: string;
  at_ms: number;
}
export interface Sighting {
  host: { id: number; name: string };
  unit: { id: number; name: string };
  path: Text;
  first_ms: number;
  last_ms: number;
  events: number;
}
export interface HashImport {
  hashes: number;
  added: number;
  replaced: number;
  kept_bad: number;
}
export interface ReviewRequest {
  event_key: string;
  verdict: 'accepted' | 'flagged';
  reason: string;
  scope: 'host' | 'unit';
  add_hash?: boolean;
}
export interface TimelineFilters {
  q?: string | undefined;
  watch?: string | undefined;
  explained?: 'all' | 'only' | 'none' | undefined;
}
export interface HashFilters {
  search?: string | undefined;
  verdict?: ListVerdict | undefined;
}

type Json<Body> = { content: { 'application/json': Body } };
type Answers<Body> = { responses: { 200: Json<Body> } };
interface PendingPaths {
  '/api/v1/hosts/{id}/file-timeline': {
    get: {
      parameters: { path: { id: number }; query?: TimelineFilters & { cursor?: string | undefined; limit?: number } };
    } & Answers<{ items: FileEntry[]; next_cursor: string | null }>;
  };
  '/api/v1/hosts/{id}/events': {
    get: {
      parameters: {
        path: { id: number };
        query?: {
          kind?: 'file';
          cause_name?: string;
          cause_version?: string;
          from_ms?: number;
          to_ms?: number;
          limit?: number;
        };
      };
    } & Answers<{ items: EventRow[]; next_cursor: string | null }>;
  };
  '/api/v1/hosts/{id}/file-reviews': {
    post: { parameters: { path: { id: number } }; requestBody: Json<ReviewRequest> } & Answers<object>;
  };
  '/api/v1/hosts/{id}/file-reviews/{review}': {
    delete: { parameters: { path: { id: number; review: number } } } & Answers<object>;
  };
  '/api/v1/alerts/{id}/accept-baseline': {
    post: {
      parameters: { path: { id: number } };
      requestBody: Json<{ reason: string; scope?: 'host' | 'unit' }>;
    } & Answers<Schemas['AlertDetail']>;
  };
  '/api/v1/hashes': {
    get: { parameters: { query?: HashFilters & { cursor?: string | undefined; limit?: number } } } & Answers<{
      items: HashRow[];
      next_cursor: string | null;
    }>;
    post: {
      requestBody: Json<{ sha256: string[]; verdict: ListVerdict; source: string; note: string }>;
    } & Answers<HashImport>;
  };
  '/api/v1/hashes/count': { get: { parameters: { query?: HashFilters } } & Answers<{ count: number }> };
  '/api/v1/hashes/import': {
    post: {
      parameters: { query: { verdict: ListVerdict; source: string; note?: string } };
      requestBody: { content: { 'application/octet-stream': number[] } };
    } & Answers<HashImport>;
  };
  '/api/v1/hashes/{sha256}': { delete: { parameters: { path: { sha256: string } } } & Answers<object> };
  '/api/v1/hashes/{sha256}/sightings': {
    get: { parameters: { path: { sha256: string } } } & Answers<{
      listed: HashRow | null;
      sightings: Sighting[];
      more: boolean;
    }>;
  };
}

export const pending = api as unknown as Client<PendingPaths>;
