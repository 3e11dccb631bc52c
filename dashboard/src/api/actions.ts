/** Everything the dashboard may change. */
import type { Language } from '~/util/format';
import { api, dataOf, rememberCsrf } from './client';
import type {
  AlertDetail,
  CommandKind,
  ExceptionRequest,
  ImportOptions,
  ImportReport,
  MachineMark,
  Me,
  Verdict,
} from './types';

export async function signIn(credentials: { user: string; password: string }): Promise<Me> {
  const body = { name: credentials.user.trim(), password: credentials.password };
  const me = await dataOf(api.POST('/api/v1/session', { body }));
  rememberCsrf(me.csrf);
  return me;
}

/** The language of this user's pages and mails from now on. */
export async function rememberLanguage(language: Language): Promise<void> {
  await dataOf(api.PUT('/api/v1/me/language', { body: { language } }));
}

export async function signOut(): Promise<void> {
  await dataOf(api.DELETE('/api/v1/session'));
  rememberCsrf(undefined);
}

export async function changePassword(change: { current: string; next: string }): Promise<void> {
  await dataOf(api.PUT('/api/v1/me/password', { body: { current: change.current, new: change.next } }));
}

export function acknowledge(id: number): Promise<AlertDetail> {
  return dataOf(api.POST('/api/v1/alerts/{id}/acknowledge', { params: { path: { id } }, body: {} }));
}

export interface Resolving {
  readonly id: number;
  readonly verdict: Verdict;
  readonly comment: string;
}

export function resolve({ id, verdict, comment }: Resolving): Promise<AlertDetail> {
  return dataOf(api.POST('/api/v1/alerts/{id}/resolve', { params: { path: { id } }, body: { verdict, comment } }));
}

export function addComment({ id, text }: { id: number; text: string }): Promise<AlertDetail> {
  return dataOf(api.POST('/api/v1/alerts/{id}/comment', { params: { path: { id } }, body: { comment: text } }));
}

/** Tells a PC to do something; it does it when it is connected. */
export async function orderCommand({ host, kind }: { host: number; kind: CommandKind }): Promise<void> {
  await dataOf(api.POST('/api/v1/hosts/{id}/commands', { params: { path: { id: host } }, body: { kind } }));
}

export async function addException(exception: ExceptionRequest): Promise<void> {
  await dataOf(api.POST('/api/v1/coverage/exceptions', { body: exception }));
}

export async function endException(id: number): Promise<void> {
  await dataOf(api.POST('/api/v1/coverage/exceptions/{id}/end', { params: { path: { id } } }));
}

/** Says that a machine on the network is no PC. */
export async function markMachine({ mac, ...mark }: { mac: string } & MachineMark): Promise<void> {
  await dataOf(api.POST('/api/v1/coverage/unmanaged/{mac}/mark', { params: { path: { mac } }, body: mark }));
}

export async function unmarkMachine(mac: string): Promise<void> {
  await dataOf(api.POST('/api/v1/coverage/unmanaged/{mac}/unmark', { params: { path: { mac } } }));
}

export interface Importing {
  readonly file: Blob;
  readonly options: ImportOptions;
}

/** Brings in the asset register, or only says what that would change. The file is sent as it is. */
export function importRegister({ file, options }: Importing): Promise<ImportReport> {
  return dataOf(
    api.POST('/api/v1/assets/import', {
      params: { query: options },
      // The document knows a file as numbers; the browser sends it as bytes.
      body: file as unknown as number[],
      bodySerializer: (body) => body as unknown as Blob,
      headers: { 'Content-Type': 'application/octet-stream' },
    }),
  );
}
