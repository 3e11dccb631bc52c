import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import type { Me } from '~/api/types';
import { show } from '~/test-page';
import { ResolveForm } from './resolve';
import { SignInForm } from './sign-in';

const ME: Me = { name: 'lan', role: 'analyst', unit: null, language: 'vi', must_change_password: false, csrf: 'c' };

afterEach(() => vi.unstubAllGlobals());

function answering(answer: () => Response) {
  const fetch = vi.fn<(request: Request) => Promise<Response>>(() => Promise.resolve(answer()));
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

async function fillIn() {
  await userEvent.type(screen.getByLabelText('Tên đăng nhập'), 'lan');
  await userEvent.type(screen.getByLabelText('Mật khẩu'), 'bí mật');
  await userEvent.click(screen.getByRole('button', { name: 'Đăng nhập' }));
}

test('signing in tells who came in', async () => {
  answering(() => Response.json(ME));
  const signedIn = vi.fn<() => void>();
  show(<SignInForm onSignedIn={signedIn} />);
  await fillIn();
  await waitFor(() => expect(signedIn).toHaveBeenCalled());
});

test.each([
  [401, 'bad_credentials', 'Tên đăng nhập hoặc mật khẩu không đúng.'],
  [429, 'too_many_attempts', 'Đăng nhập sai quá nhiều lần. Hãy thử lại sau ít phút.'],
  [500, 'internal', 'Máy chủ thu thập báo lỗi (500: internal).'],
])('a refusal with %i is said in words', async (status, code, text) => {
  answering(() => Response.json({ code, params: {} }, { status }));
  show(<SignInForm onSignedIn={() => {}} />);
  await fillIn();
  expect((await screen.findByRole('alert')).textContent).toBe(text);
});

test('an alert is not closed without a verdict and a reason', async () => {
  const fetch = answering(() => Response.json({}));
  show(<ResolveForm alert={7} onDone={() => {}} onStored={() => {}} />);
  await userEvent.click(screen.getByRole('button', { name: 'Đóng' }));
  expect(screen.getByText('Hãy chọn kết luận.')).toBeTruthy();
  expect(screen.getByText('Hãy ghi lý do.')).toBeTruthy();
  expect(fetch).not.toHaveBeenCalled();
});

test('closing sends the verdict and the comment', async () => {
  const fetch = answering(() => Response.json({ id: 7 }));
  const stored = vi.fn<(alert: unknown) => void>();
  show(<ResolveForm alert={7} onDone={() => {}} onStored={stored} />);
  await userEvent.click(screen.getByLabelText('Cảnh báo nhầm'));
  await userEvent.type(screen.getByLabelText(/Ghi chú/), 'Kế toán tự sửa.');
  await userEvent.click(screen.getByRole('button', { name: 'Đóng' }));
  await waitFor(() => expect(stored).toHaveBeenCalled());
  expect(await fetch.mock.calls[0]?.[0].json()).toEqual({ verdict: 'false', comment: 'Kế toán tự sửa.' });
});
