/** Everything the dashboard may change. */
import type { Language } from '~/util/format';
import { api, dataOf, rememberCsrf } from './client';
import type { AlertDetail, Me, Verdict } from './types';

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
