import { afterEach, expect, test, vi } from 'vitest';
import { acknowledge, signIn } from './actions';
import { ApiError } from './client';
import type { AlertDetail, Me } from './types';

const ME: Me = {
  name: 'lan.nt',
  role: 'analyst',
  unit: null,
  language: 'vi',
  must_change_password: false,
  csrf: 'token-7',
};

afterEach(() => vi.unstubAllGlobals());

/** Stands in for the network; answers what the collector would. */
function answering(...answers: Response[]) {
  const asked: Request[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new TypeError('no network')) : Promise.resolve(answer);
  });
  return asked;
}

test('a change carries the token that came with signing in', async () => {
  const asked = answering(Response.json(ME), Response.json({ id: 7 } as AlertDetail));
  await signIn({ user: ' lan.nt ', password: 'secret' });
  await acknowledge(7);
  expect(await asked[0]?.json()).toEqual({ name: 'lan.nt', password: 'secret' });
  expect(asked[1]?.url).toMatch(/\/api\/v1\/alerts\/7\/acknowledge$/);
  expect(asked[1]?.headers.get('X-CSRF-Token')).toBe('token-7');
});

test('a refusal is an error with its code and parameters', async () => {
  answering(Response.json({ code: 'too_many_attempts', params: { retry_after_s: 30 } }, { status: 429 }));
  await expect(signIn({ user: 'a', password: 'b' })).rejects.toMatchObject({
    status: 429,
    code: 'too_many_attempts',
    params: { retry_after_s: 30 },
  });
});

test('an answer that is not of the collector is an error too', async () => {
  answering(new Response('<h1>Bad gateway</h1>', { status: 502 }));
  await expect(signIn({ user: 'a', password: 'b' })).rejects.toMatchObject({ status: 502, code: 'unexpected_answer' });
});

test('no answer at all has the status 0', async () => {
  answering();
  const error: unknown = await signIn({ user: 'a', password: 'b' }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 0 });
});
