/**
 * The one way to the collector: a client typed by its own OpenAPI document.
 *
 * Refusals carry a code and parameters, never prose; they become an `ApiError`. The session is a cookie
 * that scripts cannot read; requests that change something also carry the session's CSRF token, which
 * lives in memory only.
 */
import createClient, { type Middleware } from 'openapi-fetch';
import type { paths } from './__generated__/schema';

/** A refusal by the collector, or (status 0) no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly params: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${status} ${code}`);
    this.name = 'ApiError';
  }
}

let csrf: string | undefined;

/** Remembers the token that came with `Me`; `undefined` forgets it. */
export function rememberCsrf(token: string | undefined): void {
  csrf = token;
}

const READS = new Set(['GET', 'HEAD']);

const guard: Middleware = {
  onRequest({ request }) {
    if (csrf !== undefined && !READS.has(request.method)) request.headers.set('X-CSRF-Token', csrf);
    return request;
  },
  onError() {
    return new ApiError(0, 'no_answer');
  },
};

export const api = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? '' : location.origin,
  credentials: 'same-origin',
  // Looked up at each call, so that a test can stand in for the network.
  fetch: (request) => globalThis.fetch(request),
});
api.use(guard);

interface Reply<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** The data of a reply; every refusal is thrown as an `ApiError`. */
export async function dataOf<Data>(call: Promise<Reply<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (response.ok && error === undefined) return data as Data;
  throw refusal(response.status, error);
}

function refusal(status: number, body: unknown): ApiError {
  if (typeof body !== 'object' || body === null) return new ApiError(status, 'unexpected_answer');
  const { code, params } = body as { code?: unknown; params?: unknown };
  return new ApiError(
    status,
    typeof code === 'string' ? code : 'unexpected_answer',
    typeof params === 'object' && params !== null ? (params as Record<string, unknown>) : {},
  );
}
