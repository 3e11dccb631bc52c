import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createQueries } from '~/api/queries';
import type { AlertDetail, EventRow, FileEntry, FileReport, HashRow, HostDetail, Me } from '~/api/types';
import { createAppRouter } from '~/router';
import { show } from '~/test-page';

const ME: Me = { name: 'lan', role: 'analyst', unit: null, language: 'vi', must_change_password: false, csrf: 'c' };
const UNIT = { id: 2, name: 'Sở Nội vụ' };
const SHA = 'ab'.repeat(32);

const file = (part: Partial<FileReport>): FileReport => ({
  action: 'modified',
  path: { text: '/etc/hosts', hex: null },
  path_hex: '2f',
  old_path: null,
  origin: 'real_time',
  size: 10,
  mtime_ns: null,
  mode: 0o100644,
  owner: 'root',
  group: 'root',
  acl_sha256: null,
  link: null,
  changed: ['content'],
  count: 1,
  first_ms: null,
  cause: null,
  sha256: SHA,
  digest_absent: null,
  watch: 'standard:hosts',
  severity: 'high',
  who: {
    kind: 'exact',
    pid: 4821,
    executable: { text: '/usr/bin/vi', hex: null },
    command_line: { text: 'vi', hex: null },
    user: 'hoang.lm',
    parent_pid: 1,
    parent_executable: { text: '/usr/bin/bash', hex: null },
    reason: null,
  },
  known: null,
  ...part,
});

const event = (key: string, part: Partial<FileReport> = {}, review: EventRow['review'] = null): EventRow => ({
  key,
  host: 1,
  kind: 'file',
  lane: 2,
  stream: 'ab',
  seq: 1,
  cloned: false,
  time_ms: 10_000,
  received_ms: 10_100,
  probe: null,
  detail: null,
  file: file(part),
  summary: { code: 'event.file', params: {} },
  review,
});

const single = (row: EventRow) => ({ type: 'event', event: row }) as FileEntry;

const CAUSE = { kind: 'package', name: 'openssl', version: '3.0.17', by: 'dpkg' } as const;
const RUN: FileEntry = {
  type: 'explained',
  key: '9-0',
  cause: CAUSE,
  count: 14,
  first_ms: 5_000,
  last_ms: 9_000,
  watches: ['standard:system_binaries'],
  paths: [{ text: '/usr/bin/openssl', hex: null }],
};

const HOST = {
  id: 1,
  name: 'SNV-PC-001',
  unit: UNIT,
  kind: 'workstation',
  os: '',
  connected: true,
  protection: 'protected',
  alerts_open: 0,
  clone: null,
  strain: [],
} as unknown as HostDetail;

const page = (items: readonly object[]) => ({ items, next_cursor: null });

/** The collector's side of a test: answers by path, and what was asked and sent. */
class Collector {
  readonly asked: URL[] = [];
  readonly sent: { method: string; path: string; body: unknown }[] = [];
  readonly answers = new Map<string, unknown>([
    ['/api/v1/me', ME],
    ['/api/v1/units', page([])],
    ['/api/v1/hosts/1', HOST],
    ['/api/v1/hashes/count', { count: 1 }],
  ]);

  readonly fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    this.asked.push(url);
    if (request.method !== 'GET') {
      const text = await request.text();
      const body: unknown = text.startsWith('{') ? JSON.parse(text) : text;
      this.sent.push({ method: request.method, path: url.pathname, body });
      if (request.method === 'DELETE') return new Response(null, { status: 204 });
    }
    const answer = this.answers.get(url.pathname);
    if (answer instanceof Response) return answer.clone();
    if (answer !== undefined) return Response.json(answer);
    return Response.json({ code: 'not_found', params: {} }, { status: 404 });
  };

  /** The parameters of the last question about a path. */
  last(path: string): Record<string, string> {
    return Object.fromEntries(this.asked.findLast((url) => url.pathname === path)?.searchParams ?? []);
  }
}

const TIMELINE = '/api/v1/hosts/1/file-timeline';

let collector: Collector;

beforeEach(() => {
  collector = new Collector();
  vi.stubGlobal('fetch', collector.fetch);
  vi.stubGlobal(
    'EventSource',
    class extends EventTarget {
      close() {}
    },
  );
  vi.stubGlobal('scrollTo', () => {});
});
afterEach(() => vi.unstubAllGlobals());

function visit(path: string) {
  const queries = createQueries();
  const router = createAppRouter(queries, createMemoryHistory({ initialEntries: [path] }));
  show(<RouterProvider router={router} />, queries);
  return router;
}

const timeline = async () => within(await screen.findByRole('table', { name: 'Thay đổi của tệp' }));

test('a change says what, how often, where, and who with what started it', async () => {
  const burst = { count: 12, first_ms: 7_000, changed: ['content', 'mode'] } as const;
  collector.answers.set(TIMELINE, page([single(event('1-0', { ...burst, changed: [...burst.changed] }))]));
  visit('/hosts/1?tab=files');
  const row = within(await (await timeline()).findByRole('row', { name: /\/etc\/hosts/ }));
  for (const said of [
    'Thay đổi: nội dung, quyền truy cập',
    '12 lần trong 3 giây',
    'Tệp hosts và phân giải tên',
    'cha: bash',
    'Cao',
  ]) {
    expect(row.getByText(said)).toBeTruthy();
  }
});

test('who is not known is said with why', async () => {
  const gone = { ...file({}).who, kind: 'exited', pid: 5120 } as const;
  collector.answers.set(TIMELINE, page([single(event('1-0', { who: gone }))]));
  visit('/hosts/1?tab=files');
  expect(await (await timeline()).findByText('PID 5120, đã thoát trước khi kịp hỏi')).toBeTruthy();
});

test('what lists and people say stands beside the change', async () => {
  const review = { id: 4, verdict: 'flagged', reason: 'x', author: 'minh', at_ms: 1, for_unit: false } as const;
  collector.answers.set(TIMELINE, page([single(event('1-0', { known: 'bad' }, review))]));
  visit('/hosts/1?tab=files');
  const row = within(await (await timeline()).findByRole('row', { name: /\/etc\/hosts/ }));
  expect(row.getByText('Có trong danh sách tệp độc hại')).toBeTruthy();
  expect(row.getByText('Đã đánh dấu đáng ngờ')).toBeTruthy();
});

test('one package is one row, which opens into its changes', async () => {
  collector.answers.set(TIMELINE, page([RUN]));
  collector.answers.set(
    '/api/v1/hosts/1/events',
    page([event('8-0', { path: { text: '/usr/bin/openssl2', hex: null } })]),
  );
  visit('/hosts/1?tab=files');
  const rows = await timeline();
  const run = await rows.findByRole('button', { name: 'Gói openssl 3.0.17 (dpkg): 14 thay đổi' });
  expect(run.getAttribute('aria-expanded')).toBe('false');
  await userEvent.click(run);
  expect(await rows.findByRole('button', { name: /openssl2/ })).toBeTruthy();
  expect(run.getAttribute('aria-expanded')).toBe('true');
  expect(collector.last('/api/v1/hosts/1/events')).toMatchObject({
    kind: 'file',
    cause_name: 'openssl',
    cause_version: '3.0.17',
    from_ms: '5000',
    to_ms: '9001',
  });
});

test('a planned window names who announced it', async () => {
  const cause = { kind: 'planned', name: 'Nâng cấp', version: null, by: 'hung.tran' } as const;
  collector.answers.set(TIMELINE, page([{ ...RUN, cause, count: 3 }]));
  visit('/hosts/1?tab=files');
  expect(
    await (await timeline()).findByRole('button', { name: 'Theo lịch “Nâng cấp” của hung.tran: 3 thay đổi' }),
  ).toBeTruthy();
});

test('the filters of the URL are asked of the server', async () => {
  collector.answers.set(TIMELINE, page([]));
  visit('/hosts/1?tab=files&text=sshd&watch=standard:boot&explained=none');
  expect(await screen.findByText('Không có thay đổi nào khớp bộ lọc')).toBeTruthy();
  expect(collector.last(TIMELINE)).toMatchObject({ q: 'sshd', watch: 'standard:boot', explained: 'none' });
});

test('watches of the policy’s own can be chosen as soon as the list shows one', async () => {
  collector.answers.set(TIMELINE, page([single(event('1-0', { watch: 'Hồ sơ\u202E' }))]));
  visit('/hosts/1?tab=files');
  await timeline();
  const user = userEvent.setup();
  await user.click(screen.getByRole('combobox', { name: 'Mục theo dõi' }));
  await user.click(await screen.findByRole('option', { name: 'Hồ sơ\\u{202E}' }));
  await waitFor(() => expect(collector.last(TIMELINE)).toMatchObject({ watch: 'Hồ sơ\u202E' }));
});

test('a change is flagged with a reason, and its content put on the list', async () => {
  const row = event('1-0');
  collector.answers.set(TIMELINE, page([single(row)]));
  collector.answers.set('/api/v1/events/1-0', { ...row, raw: {} });
  collector.answers.set('/api/v1/hosts/1/file-reviews', {});
  visit('/hosts/1?tab=files&event=1-0');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Đánh dấu đáng ngờ' }));
  const form = within(await screen.findByRole('form', { name: 'Đánh dấu thay đổi đáng ngờ' }));
  await user.click(form.getByRole('button', { name: 'Đánh dấu đáng ngờ' }));
  expect(form.getByText('Hãy ghi lý do.')).toBeTruthy();
  await user.type(form.getByRole('textbox', { name: /Lý do/ }), 'Không ai sửa tệp này');
  await user.click(form.getByRole('checkbox'));
  await user.click(form.getByRole('button', { name: 'Đánh dấu đáng ngờ' }));
  await waitFor(() => expect(collector.sent).toHaveLength(1));
  expect(collector.sent[0]).toEqual({
    method: 'POST',
    path: '/api/v1/hosts/1/file-reviews',
    body: { event_key: '1-0', verdict: 'flagged', reason: 'Không ai sửa tệp này', scope: 'host', add_hash: true },
  });
});

test('unit staff read what was said and can say nothing', async () => {
  const review = { id: 4, verdict: 'accepted', reason: 'Bảo trì', author: 'minh', at_ms: 1, for_unit: true } as const;
  const row = event('1-0', {}, review);
  collector.answers.set('/api/v1/me', { ...ME, role: 'unit_staff', unit: UNIT });
  collector.answers.set(TIMELINE, page([single(row)]));
  collector.answers.set('/api/v1/events/1-0', { ...row, raw: {} });
  visit('/hosts/1?tab=files&event=1-0');
  expect(await screen.findByText('Lý do: Bảo trì')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Chấp nhận' })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Bỏ dấu này' })).toBeNull();
});

test('what is listed as bad cannot be accepted', async () => {
  const row = event('1-0', { known: 'bad' });
  collector.answers.set(TIMELINE, page([single(row)]));
  collector.answers.set('/api/v1/events/1-0', { ...row, raw: {} });
  visit('/hosts/1?tab=files&event=1-0');
  expect(await screen.findByRole('button', { name: 'Đánh dấu đáng ngờ' })).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Chấp nhận' })).toBeNull();
});

test('an agent that slows itself down says of what it used too much', async () => {
  const strain = [{ budget: 'cpu', limit: 500, measured: 610, since_ms: 0 }];
  collector.answers.set('/api/v1/hosts/1', { ...HOST, strain });
  collector.answers.set(TIMELINE, page([]));
  visit('/hosts/1?tab=files');
  const notice = await screen.findByRole('region', { name: 'Phần mềm giám sát trên máy đang tự giảm tải' });
  expect(notice.textContent).toContain('CPU: 61\u00A0% (giới hạn 50\u00A0%)');
});

const ALERT = {
  id: 7,
  about_unit: false,
  category: 'files',
  severity: 'high',
  state: 'open',
  verdict: null,
  title: { code: 'file.critical_changed', params: { action: 'modified', path: '/etc/hosts' } },
  host: { id: 1, name: 'SNV-PC-001' },
  unit: UNIT,
  findings: 2,
  open_findings: 2,
  opened_ms: 1,
  updated_ms: 1,
  assignee: null,
  steps_code: 'file.critical_changed',
  by_phone: true,
  unit_told: true,
  history: [],
  deliveries: [],
  findings_list: [
    {
      id: 'f2',
      rule: 'file.critical_changed',
      key: '/etc/hosts',
      severity: 'high',
      opened_ms: 1,
      closed_ms: null,
      evidence: { state_key: 'ab', sha256: 'cd', size: 5 },
    },
    {
      id: 'f1',
      rule: 'file.critical_changed',
      key: '',
      severity: 'high',
      opened_ms: 1,
      closed_ms: null,
      evidence: { more: 30, since_ms: 1 },
    },
  ],
} as unknown as AlertDetail;

test('an alert about files is accepted as the new state, with a reason', async () => {
  collector.answers.set('/api/v1/alerts/7', ALERT);
  collector.answers.set('/api/v1/alerts/7/accept-baseline', { ...ALERT, state: 'resolved', verdict: 'benign' });
  visit('/alerts/7');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Chấp nhận là trạng thái mới' }));
  const dialog = within(await screen.findByRole('dialog'));
  expect(dialog.getByText(/^1 thay đổi hiện trên trang này/)).toBeTruthy();
  expect(dialog.getByText(/^30 thay đổi khác trong cảnh báo không được chấp nhận/)).toBeTruthy();
  await user.type(dialog.getByRole('textbox', { name: /Lý do/ }), 'Bảo trì theo kế hoạch');
  await user.click(dialog.getByRole('button', { name: 'Chấp nhận và đóng cảnh báo' }));
  expect(await screen.findByText('Đã khắc phục')).toBeTruthy();
  expect(collector.sent[0]?.body).toEqual({
    reason: 'Bảo trì theo kế hoạch',
    scope: 'host',
    findings: ['f2', 'f1'],
  });
});

test('what came to an alert meanwhile is not accepted unseen, and why is said', async () => {
  collector.answers.set('/api/v1/alerts/7', ALERT);
  collector.answers.set(
    '/api/v1/alerts/7/accept-baseline',
    Response.json({ code: 'conflict', params: { state: 'findings_changed' } }, { status: 409 }),
  );
  visit('/alerts/7');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Chấp nhận là trạng thái mới' }));
  const dialog = within(await screen.findByRole('dialog'));
  await user.type(dialog.getByRole('textbox', { name: /Lý do/ }), 'Bảo trì theo kế hoạch');
  await user.click(dialog.getByRole('button', { name: 'Chấp nhận và đóng cảnh báo' }));
  expect((await dialog.findByRole('alert')).textContent).toContain('chưa xem');
});

const HASH: HashRow = { sha256: SHA, verdict: 'bad', source: 'A05', note: '', author: 'lan', at_ms: 1 };

test('a hash is added only when it is one', async () => {
  collector.answers.set('/api/v1/hashes', page([HASH]));
  visit('/detections/hashes');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Thêm mã băm' }));
  const dialog = within(await screen.findByRole('dialog'));
  await user.type(dialog.getByRole('textbox', { name: /SHA-256/ }), 'abc');
  await user.type(dialog.getByRole('textbox', { name: /Nguồn/ }), 'A05');
  await user.click(dialog.getByRole('radio', { name: 'Độc hại' }));
  await user.click(dialog.getByRole('button', { name: 'Thêm' }));
  expect(dialog.getByText(/đúng 64 chữ số/)).toBeTruthy();
  await user.clear(dialog.getByRole('textbox', { name: /SHA-256/ }));
  await user.type(dialog.getByRole('textbox', { name: /SHA-256/ }), ` ${SHA.toUpperCase()}`);
  await user.click(dialog.getByRole('button', { name: 'Thêm' }));
  await waitFor(() => expect(collector.sent).toHaveLength(1));
  expect(collector.sent[0]?.body).toEqual({ sha256: [SHA], verdict: 'bad', source: 'A05', note: '' });
});

test('a file of hashes that has a fault names its line', async () => {
  collector.answers.set('/api/v1/hashes', page([HASH]));
  collector.answers.set(
    '/api/v1/hashes/import',
    Response.json({ code: 'hash_list_fault', params: { problem: 'no_hash', line: 1200 } }, { status: 422 }),
  );
  visit('/detections/hashes');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Nhập từ tệp' }));
  const dialog = within(await screen.findByRole('dialog'));
  const input = document.querySelector<HTMLInputElement>('input[type="file"]');
  await user.upload(input as HTMLInputElement, new File([SHA], 'danh sách.txt', { type: 'text/plain' }));
  await user.click(dialog.getByRole('radio', { name: 'Độc hại' }));
  await user.type(dialog.getByRole('textbox', { name: /Nguồn/ }), 'A05');
  await user.click(dialog.getByRole('button', { name: 'Nhập vào danh sách' }));
  expect((await dialog.findByRole('alert')).textContent).toContain('Dòng 1.200: Không có SHA-256');
});

test('where a content was seen stands beside the list, and it can be removed', async () => {
  collector.answers.set('/api/v1/hashes', page([HASH]));
  const sighting = {
    host: { id: 1, name: 'SNV-PC-001' },
    unit: UNIT,
    path: { text: '/tmp/a\u202Eb', hex: null },
    first_ms: 1,
    last_ms: 2,
    events: 3,
  };
  collector.answers.set(`/api/v1/hashes/${SHA}/sightings`, { listed: HASH, sightings: [sighting], more: false });
  visit('/detections/hashes');
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: SHA }));
  const panel = within(await screen.findByRole('dialog'));
  expect(await panel.findByRole('link', { name: 'SNV-PC-001' })).toBeTruthy();
  expect(panel.getByText('\\u{202E}')).toBeTruthy();
});

test('who sees one unit only is shown no lists', async () => {
  collector.answers.set('/api/v1/me', { ...ME, unit: UNIT });
  collector.answers.set('/api/v1/detections', page([]));
  collector.answers.set('/api/v1/detections/count', { count: 0 });
  collector.answers.set('/api/v1/detections/threats', page([]));
  visit('/detections');
  expect(await screen.findByText('Chưa phát hiện mã độc nào')).toBeTruthy();
  expect(screen.queryByRole('link', { name: 'Danh sách mã băm' })).toBeNull();
});
