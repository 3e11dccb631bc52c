import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createQueries } from '~/api/queries';
import type { AlertRow, HostRow, Me } from '~/api/types';
import { createAppRouter } from '~/router';
import { show } from '~/test-page';

const ME: Me = { name: 'lan', role: 'analyst', unit: null, language: 'vi', must_change_password: false, csrf: 'c' };

const alert = (id: number, product: string): AlertRow => ({
  id,
  about_unit: false,
  category: 'protection',
  severity: 'high',
  state: 'open',
  verdict: null,
  title: { code: 'antivirus.off', params: { product } },
  host: { id: 1, name: 'SNV-PC-001' },
  unit: { id: 2, name: 'Sở Nội vụ' },
  findings: 1,
  open_findings: 1,
  opened_ms: Date.now() - 60_000,
  updated_ms: Date.now(),
  assignee: null,
});

/** The collector's side of a test: answers by path, and what was asked. */
class Collector {
  readonly asked: URL[] = [];
  readonly answers = new Map<string, () => Response>([
    ['/api/v1/me', () => Response.json(ME)],
    ['/api/v1/units', () => Response.json({ items: [], next_cursor: null })],
  ]);

  alerts(...rows: AlertRow[]) {
    this.answers.set('/api/v1/alerts', () => Response.json({ items: rows, next_cursor: null }));
    this.answers.set('/api/v1/alerts/count', () => Response.json({ count: rows.length }));
  }

  readonly fetch = (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    this.asked.push(url);
    const answer = this.answers.get(url.pathname);
    return Promise.resolve(answer?.() ?? Response.json({ code: 'not_found', params: {} }, { status: 404 }));
  };
}

/** A live stream that a test speaks into. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static last: Stream | undefined;
  readonly readyState = 1;

  constructor() {
    super();
    Stream.last = this;
  }

  say(news: object) {
    this.dispatchEvent(new MessageEvent('change', { data: JSON.stringify(news) }));
  }

  close() {}
}

let collector: Collector;

beforeEach(() => {
  collector = new Collector();
  vi.stubGlobal('fetch', collector.fetch);
  vi.stubGlobal('EventSource', Stream);
  vi.stubGlobal('scrollTo', () => {});
});
afterEach(() => vi.unstubAllGlobals());

function visit(path: string) {
  const queries = createQueries();
  const router = createAppRouter(queries, createMemoryHistory({ initialEntries: [path] }));
  show(<RouterProvider router={router} />, queries);
  return router;
}

const table = () => screen.findByRole('table', { name: 'Cảnh báo' });

test('whoever is not signed in signs in first and comes back', async () => {
  collector.answers.set('/api/v1/me', () => Response.json({ code: 'unauthenticated', params: {} }, { status: 401 }));
  const router = visit('/alerts?severity=high');
  await screen.findByRole('heading', { name: 'Đăng nhập' });
  expect(router.state.location.search).toMatchObject({ next: '/alerts?severity=high' });
});

test('a one-time password leads to nothing but a new one', async () => {
  collector.answers.set('/api/v1/me', () => Response.json({ ...ME, must_change_password: true }));
  visit('/hosts');
  await screen.findByRole('heading', { name: 'Đặt mật khẩu mới' });
  expect(collector.asked.map((url) => url.pathname)).not.toContain('/api/v1/hosts');
});

test('the queue asks for what is not resolved, and tells it in words', async () => {
  collector.alerts(alert(7, 'ClamAV'));
  visit('/alerts');
  const link = await within(await table()).findByRole('link', { name: 'Phần mềm phòng, chống mã độc ClamAV đang tắt' });
  expect(link.getAttribute('href')).toBe('/alerts/7');
  const query = collector.asked.find((url) => url.pathname === '/api/v1/alerts')?.searchParams;
  expect(query?.get('state')).toBe('active');
});

test('the filters of the URL are asked of the server', async () => {
  collector.alerts(alert(7, 'ClamAV'));
  visit('/alerts?severity=high&host=3&state=resolved&search=SNV');
  await table();
  const query = collector.asked.find((url) => url.pathname === '/api/v1/alerts')?.searchParams;
  expect(Object.fromEntries(query ?? [])).toMatchObject({
    severity: 'high',
    host: '3',
    state: 'resolved',
    search: 'SNV',
  });
});

test('news waits behind a count, and moves nothing before it is asked for', async () => {
  collector.alerts(alert(7, 'ClamAV'));
  visit('/alerts');
  const rows = within(await table());
  await rows.findByRole('link', { name: /ClamAV/ });
  collector.alerts(alert(8, 'Kaspersky'), alert(7, 'ClamAV'));
  act(() => Stream.last?.say({ topic: 'alert', id: 8 }));
  const button = await screen.findByRole('button', { name: '1 mới' });
  expect(rows.queryByRole('link', { name: /Kaspersky/ })).toBeNull();
  await userEvent.click(button);
  expect(rows.getAllByRole('link').map((link) => link.getAttribute('href'))).toEqual(['/alerts/8', '/alerts/7']);
});

test('an empty queue is good news, an empty search is not', async () => {
  collector.alerts();
  visit('/alerts');
  expect(await screen.findByText('Không có cảnh báo nào chưa khắc phục')).toBeTruthy();
  collector.alerts();
  visit('/alerts?search=x');
  expect(await screen.findByText('Không có cảnh báo nào khớp bộ lọc')).toBeTruthy();
});

test('a failure is said with its code, and asking again mends it', async () => {
  collector.answers.set('/api/v1/alerts', () => Response.json({ code: 'internal', params: {} }, { status: 500 }));
  visit('/alerts');
  expect((await screen.findByRole('alert')).textContent).toContain('500: internal');
  collector.alerts(alert(7, 'ClamAV'));
  await userEvent.click(screen.getByRole('button', { name: 'Thử lại' }));
  await waitFor(() => expect(screen.getByRole('link', { name: /ClamAV/ })).toBeTruthy());
});

test('the number of PCs seen leads to the list that it counts', async () => {
  const hosts = { registered: 3, seen: 2, protected: 1, connected: 1, silent: 2, pending: 1 };
  const none = { critical: 0, high: 0, medium: 0, low: 0 };
  collector.answers.set('/api/v1/overview', () =>
    Response.json({
      hosts,
      protection: { protected: 1, stale: 0, off: 0, missing: 0, unknown: 2 },
      alerts_open: none,
      events_missing: 0,
      hosts_with_missing: 0,
      opaque: 0,
      set_aside: 0,
      events_per_hour: [],
      now_ms: 0,
    }),
  );
  collector.answers.set('/api/v1/hosts', () => Response.json({ items: [], next_cursor: null }));
  collector.answers.set('/api/v1/hosts/count', () => Response.json({ count: 2 }));
  visit('/');
  await userEvent.click(await screen.findByRole('link', { name: /Có kết nối/ }));
  await screen.findByText('2 máy tính');
  const query = collector.asked.find((url) => url.pathname === '/api/v1/hosts/count')?.searchParams;
  expect(Object.fromEntries(query ?? [])).toEqual({ status: 'active', connection: 'seen' });
});

test('a PC that counts as protected shows what is off beside it, and one without rights says so', async () => {
  const host: HostRow = {
    id: 1,
    name: 'SNV-PC-001',
    unit: { id: 2, name: 'Sở Nội vụ' },
    kind: 'workstation',
    os: '',
    connected: false,
    connected_since_ms: null,
    last_seen_ms: 1,
    revoked: true,
    protection: 'protected',
    protection_gaps: ['real_time_off', 'updater_off'],
    protection_ms: 1,
    alerts_open: 0,
    worst_severity: null,
    events_missing: 0,
    agent_version: '',
    always_on: false,
    asset_number: null,
    place: null,
  };
  collector.answers.set('/api/v1/hosts', () => Response.json({ items: [host], next_cursor: null }));
  collector.answers.set('/api/v1/hosts/count', () => Response.json({ count: 1 }));
  visit('/hosts');
  const row = within(await screen.findByRole('row', { name: /SNV-PC-001/ }));
  for (const said of [
    'Đang được bảo vệ',
    'Bảo vệ thời gian thực đang tắt',
    'Tự cập nhật đang tắt',
    'Đã thu hồi quyền kết nối',
  ]) {
    expect(row.getByText(said)).toBeTruthy();
  }
});

test('an unknown address says so', async () => {
  visit('/nowhere');
  expect(await screen.findByText('Không tìm thấy')).toBeTruthy();
});
