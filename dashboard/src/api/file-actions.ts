/** What may be said of files and of their contents. */
import { api, dataOf } from './client';
import type { AlertDetail, FileReviewRequest, FileReviewScope, HashesReport, HashVerdict } from './types';

/** Accepts a change of a file as the new state, or flags it. */
export async function reviewFile({ host, ...body }: { host: number } & FileReviewRequest): Promise<void> {
  await dataOf(api.POST('/api/v1/hosts/{id}/file-reviews', { params: { path: { id: host } }, body }));
}

/** Accepts the changes of an alert about files that were seen as the new state, which closes it. */
export function acceptBaseline({ id, ...body }: Accepting): Promise<AlertDetail> {
  return dataOf(api.POST('/api/v1/alerts/{id}/accept-baseline', { params: { path: { id } }, body }));
}

export interface Accepting {
  readonly id: number;
  readonly reason: string;
  readonly scope: FileReviewScope;
  readonly findings: string[];
}

/** Takes back what was said of a change. */
export async function takeBackReview({ host, review }: { host: number; review: number }): Promise<void> {
  await dataOf(api.DELETE('/api/v1/hosts/{id}/file-reviews/{review}', { params: { path: { id: host, review } } }));
}

export interface HashEntry {
  readonly sha256: string;
  readonly verdict: HashVerdict;
  readonly source: string;
  readonly note: string;
}

export async function addHash({ sha256, ...entry }: HashEntry): Promise<void> {
  await dataOf(api.POST('/api/v1/hashes', { body: { sha256: [sha256], ...entry } }));
}

export async function removeHash(sha256: string): Promise<void> {
  await dataOf(api.DELETE('/api/v1/hashes/{sha256}', { params: { path: { sha256 } } }));
}

export interface HashImporting {
  readonly file: Blob;
  readonly verdict: HashVerdict;
  readonly source: string;
  readonly note: string;
}

/** Brings in a file of hashes, which is sent as it is. */
export function importHashes({ file, ...query }: HashImporting): Promise<HashesReport> {
  return dataOf(
    api.POST('/api/v1/hashes/import', {
      params: { query },
      // The document knows a file as numbers; the browser sends it as bytes.
      body: file as unknown as number[],
      bodySerializer: (body) => body as unknown as Blob,
      headers: { 'Content-Type': 'application/octet-stream' },
    }),
  );
}
