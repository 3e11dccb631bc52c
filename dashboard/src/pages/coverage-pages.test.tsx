import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createQueries } from '~/api/queries';
import type {
  Certificate,
  Coverage,
  CoverageNumbers,
  DetectionRow,
  ImportReport,
  Me,
  ProtectionMatrix,
  ProtectionProducts,
} from '~/api/types';
import { createAppRouter } from '~/router';
import { show } from '~/test-page';

const ME: Me = {
  name: 'lan',
  role: 'administrator',
  unit: null,
  language: 'vi',
  must_change_password: false,
  csrf: 'c',
};

const NUMBERS: CoverageNumbers = {
  registered: 8,
  seen: 6,
  protected: 5,
  excepted: 2,
  protected_not_excepted: 5,
  protected_percent: 62.5,
  protected_percent_without_exceptions: 83.333_333,
  outdated: 1,
  not_enrolled: 1,
  not_in_register: 1,
  mismatch: 0,
  pending: 0,
  unmanaged: 3,
};

const PC: Certificate['not_seen']['items'][number] = {
  id: 4,
  asset_id: 4,
  host_id: null,
  name: 'SNV-PC-004',
  unit: { id: 2, name: 'Sở Nội vụ' },
  register_unit: null,
  asset_number: 'TS-0004',
  place: 'Phòng 203',
  custodian: 'Nguyễn Văn A',
  kind: null,
  os: null,
  mac: null,
  serial: null,
  note: null,
  joined_by: null,
  seen: false,
  connected: false,
  last_seen_ms: null,
  protection: null,
  protection_reason: null,
  product: null,
  product_version: null,
  definitions_ms: null,
  exception: null,
};

/** The collector's side of a test: answers by path, and what was asked. */
class Collector {
  readonly asked: Request[] = [];
  readonly answers = new Map<string, () => Response>([
    ['/api/v1/me', () => Response.json(ME)],
    ['/api/v1/units', () => Response.json({ items: [], next_cursor: null })],
  ]);

  says(path: string, answer: unknown) {
    this.answers.set(path, () => Response.json(answer));
  }

  /** The query of the last question for a path. */
  query(path: string): Record<string, string> {
    const url = this.asked.map((request) => new URL(request.url)).findLast(({ pathname }) => pathname === path);
    return Object.fromEntries(url?.searchParams ?? []);
  }

  readonly fetch = (request: Request): Promise<Response> => {
    this.asked.push(request);
    const answer = this.answers.get(new URL(request.url).pathname);
    return Promise.resolve(answer?.() ?? Response.json({ code: 'not_found', params: {} }, { status: 404 }));
  };
}

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

const coverage = (): Coverage => ({
  now_ms: Date.UTC(2026, 10, 30),
  days: 7,
  outdated_days: 15,
  units: [
    { unit: { id: 1, name: 'Tỉnh' }, parent_id: null, kind: 'province', own: NUMBERS, total: NUMBERS },
    { unit: { id: 2, name: 'Sở Nội vụ' }, parent_id: 1, kind: 'department', own: NUMBERS, total: NUMBERS },
  ],
});

test('the numbers of a province count each unit once, and both shares are shown', async () => {
  collector.says('/api/v1/coverage', coverage());
  collector.says('/api/v1/coverage/history', { days: [] });
  visit('/coverage');
  const numbers = within(await screen.findByRole('region', { name: 'Ba con số' }));
  expect(numbers.getByRole('link', { name: /^Đã đăng ký 8 / })).toBeTruthy();
  expect(numbers.getByText(/^62,50\s%$/)).toBeTruthy();
  expect(numbers.getByText(/^83,33\s%$/)).toBeTruthy();
});

test('each number of a unit leads to the PCs that it counts', async () => {
  collector.says('/api/v1/coverage', coverage());
  collector.says('/api/v1/coverage/history', { days: [] });
  collector.says('/api/v1/coverage/pcs', { items: [PC], next_cursor: null });
  collector.says('/api/v1/coverage/pcs/count', { count: 1 });
  visit('/coverage?days=30');
  const row = within(await screen.findByRole('row', { name: /Sở Nội vụ/ }));
  const [, , , , , notSeen] = row.getAllByRole('link').slice(1);
  expect(notSeen?.getAttribute('href')).toBe('/coverage/pcs?unit=2&days=30&of=not_seen');
  await userEvent.click(notSeen as HTMLElement);
  await screen.findByText('SNV-PC-004');
  expect(collector.query('/api/v1/coverage/pcs')).toMatchObject({ unit: '2', days: '30', of: 'not_seen' });
});

test('passing over a number asks nothing: looking at people’s PCs is written down', async () => {
  collector.says('/api/v1/coverage', coverage());
  collector.says('/api/v1/coverage/history', { days: [] });
  visit('/coverage');
  const row = within(await screen.findByRole('row', { name: /Sở Nội vụ/ }));
  vi.useFakeTimers({ shouldAdvanceTime: true });
  await userEvent.hover(row.getAllByRole('link')[1] as HTMLElement);
  // Longer than the router waits before it takes a hover for an intention.
  await vi.advanceTimersByTimeAsync(1_000);
  vi.useRealTimers();
  expect(collector.asked.map(({ url }) => new URL(url).pathname)).not.toContain('/api/v1/coverage/pcs');
});

test('an exception is not made without kind, ground and end, and is made for the register’s line', async () => {
  collector.says('/api/v1/coverage/pcs', { items: [PC], next_cursor: null });
  collector.says('/api/v1/coverage/pcs/count', { count: 1 });
  collector.says('/api/v1/coverage/exceptions', { id: 9 });
  visit('/coverage/pcs');
  await userEvent.click(await screen.findByRole('button', { name: 'Ghi nhận ngoại lệ cho SNV-PC-004' }));
  const dialog = within(await screen.findByRole('dialog', { name: 'Ghi nhận ngoại lệ' }));
  await userEvent.click(dialog.getByRole('button', { name: 'Ghi nhận' }));
  for (const refusal of ['Hãy chọn loại ngoại lệ.', 'Hãy ghi lý do.', /Hãy chọn một ngày sau hôm nay/]) {
    expect(dialog.getByText(refusal)).toBeTruthy();
  }
  const nextMonth = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
  await userEvent.click(dialog.getByLabelText('Ngừng sử dụng, chờ thanh lý'));
  await userEvent.type(dialog.getByLabelText(/Lý do/), 'Quyết định 12/QĐ-UBND');
  await userEvent.type(dialog.getByLabelText(/Đến ngày/), nextMonth);
  await userEvent.click(dialog.getByRole('button', { name: 'Ghi nhận' }));
  await waitFor(() => expect(collector.asked.some(({ method }) => method === 'POST')).toBe(true));
  const sent: unknown = await collector.asked.find(({ method }) => method === 'POST')?.json();
  expect(sent).toEqual({
    asset_id: 4,
    kind: 'retired',
    reason: 'Quyết định 12/QĐ-UBND',
    ends_ms: Date.parse(`${nextMonth}T23:59:59.999+07:00`),
  });
});

test('whoever may not keep the register is offered neither exceptions nor the import', async () => {
  collector.says('/api/v1/me', { ...ME, role: 'analyst' });
  collector.says('/api/v1/coverage/pcs', { items: [PC], next_cursor: null });
  collector.says('/api/v1/coverage/pcs/count', { count: 1 });
  visit('/coverage/pcs');
  await screen.findByText('SNV-PC-004');
  expect(screen.queryByRole('button', { name: /Ghi nhận ngoại lệ/ })).toBeNull();
  expect(screen.queryByRole('link', { name: 'Nhập danh mục tài sản' })).toBeNull();
});

test('an auditor looks and tells no PC anything', async () => {
  collector.says('/api/v1/me', { ...ME, role: 'auditor' });
  collector.says('/api/v1/protection/matrix', { units: [] });
  visit('/protection?unit=2');
  await screen.findByText('Chưa có đơn vị nào');
  expect(screen.queryByRole('button', { name: /Cập nhật mẫu nhận diện/ })).toBeNull();
});

test('the matrix leads to the filtered list of PCs', async () => {
  const counts = { protected: 5, stale: 1, off: 2, missing: 0, unknown: 0 };
  const matrix: ProtectionMatrix = {
    units: [{ unit: { id: 2, name: 'Sở Nội vụ' }, parent_id: null, kind: 'department', own: counts, total: counts }],
  };
  collector.says('/api/v1/protection/matrix', matrix);
  visit('/protection');
  const row = within(await screen.findByRole('row', { name: /Sở Nội vụ/ }));
  expect(row.getByRole('link', { name: '2' }).getAttribute('href')).toBe('/protection/pcs?unit=2&protection=off');
  // What there is none of leads nowhere.
  expect(row.getAllByText('0')).toHaveLength(2);
});

test('PCs of which no product is known are not said to have none', async () => {
  const ages = { days_0: 0, days_1: 0, days_2: 0, days_3: 0, days_4_to_7: 0, days_8_to_15: 0, days_over_15: 0 };
  const products: ProtectionProducts = {
    products: [{ product: '', version: '', hosts: 3, protected: 0 }],
    definitions: { ...ages, unknown: 3 },
    now_ms: 1_000,
  };
  collector.says('/api/v1/protection/matrix', { units: [] });
  collector.says('/api/v1/protection/products', products);
  visit('/protection');
  const bar = (await screen.findByText('Không có hoặc chưa rõ')).closest('li');
  expect(bar?.dataset['tone']).toBe('unknown');
});

test('a whole unit is told to update after saying how many PCs that are', async () => {
  collector.says('/api/v1/hosts/count', { count: 1240 });
  collector.says('/api/v1/units/2/commands', { hosts: 1240 });
  visit('/protection?unit=2');
  await userEvent.click(await screen.findByRole('button', { name: 'Cập nhật mẫu nhận diện cả đơn vị' }));
  const dialog = within(await screen.findByRole('dialog'));
  await dialog.findByText(/^1\.240 máy đang quản lý/);
  await userEvent.click(dialog.getByRole('button', { name: 'Ra lệnh' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const sent: unknown = await collector.asked.find(({ method }) => method === 'POST')?.json();
  expect(sent).toEqual({ kind: 'update_signatures' });
});

test('the list of PCs asks for product, reason and age as its address says', async () => {
  collector.says('/api/v1/hosts', { items: [], next_cursor: null });
  collector.says('/api/v1/hosts/count', { count: 0 });
  visit('/protection/pcs?product=ClamAV&reason=crashed&older=15');
  await screen.findByText('Không có máy tính nào khớp bộ lọc');
  expect(collector.query('/api/v1/hosts')).toMatchObject({
    status: 'active',
    product: 'ClamAV',
    reason: 'crashed',
    definitions_older_than_days: '15',
  });
});

const DETECTION: DetectionRow = {
  id: 7,
  host: { id: 1, name: 'SNV-PC-001' },
  unit: { id: 2, name: 'Sở Nội vụ' },
  product: 'ClamAV',
  vendor: 'Cisco',
  threat: 'Eicar\u202Etxt',
  category: null,
  severity: null,
  path: { text: '/home/lan/hoá đơn.exe', hex: null },
  process: null,
  user: 'lan',
  sha256: null,
  action: 'none',
  outcome: 'pending',
  code: null,
  source: 'clamonacc',
  found_ms: 1_000,
  updated_ms: 1_000,
  handled_ms: null,
  event_key: null,
};

test('malware is told with its outcome in words, its names as hostile text, and opens beside the list', async () => {
  collector.says('/api/v1/detections', { items: [DETECTION], next_cursor: null });
  collector.says('/api/v1/detections/count', { count: 1 });
  collector.says('/api/v1/detections/threats', { items: [], next_cursor: null });
  const router = visit('/detections?outcome=pending');
  const row = within(await screen.findByRole('row', { name: /SNV-PC-001/ }));
  expect(row.getByText('Chưa xử lý')).toBeTruthy();
  const button = row.getByRole('button', { name: /Eicar/ });
  expect(button.textContent).toBe('Eicar\\u{202E}txt');
  await userEvent.click(button);
  const panel = within(await screen.findByRole('dialog', { name: 'Mã độc được phát hiện' }));
  expect(panel.getByText('Quét khi mở tệp (clamonacc)')).toBeTruthy();
  expect(router.state.location.search).toEqual({ outcome: 'pending', open: 7 });
});

test('of a file that is no longer there nobody says what became of it', async () => {
  const gone: DetectionRow = { ...DETECTION, outcome: 'unknown', code: 'file_gone' };
  const unsure: DetectionRow = { ...gone, id: 8, code: 'unconfirmed' };
  collector.says('/api/v1/detections', { items: [gone, unsure], next_cursor: null });
  collector.says('/api/v1/detections/count', { count: 2 });
  collector.says('/api/v1/detections/threats', { items: [], next_cursor: null });
  visit('/detections?open=7');
  const panel = within(await screen.findByRole('dialog', { name: 'Mã độc được phát hiện' }));
  expect(panel.getByText('Không rõ: tệp không còn ở chỗ cũ')).toBeTruthy();
  expect(panel.queryByText('file_gone')).toBeNull();
  expect(screen.getByText('Chưa rõ kết quả xử lý', { selector: 'td span' })).toBeTruthy();
});

const REPORT: ImportReport = {
  dry_run: true,
  encoding: 'windows-1258',
  separator: ';',
  columns: [
    { header: 'Số thẻ', field: null },
    { header: 'Tên máy', field: 'name' },
  ],
  lines: 3,
  added: 2,
  changed: 0,
  unchanged: 0,
  removed: 0,
  joined: 1,
  bad_lines: 1,
  faults_count: 1,
  faults: [{ line: 4, field: 'asset_number', code: 'duplicate_asset_number', value: '=TS', first_line: 2 }],
  changes: [],
};

test('a register is tried first, its bad lines are named, and what was tried is what is confirmed', async () => {
  collector.says('/api/v1/assets/import', REPORT);
  visit('/coverage/import');
  const file = new File(['Số thẻ;Tên máy\n1;PC-1\n'], 'tài sản.csv', { type: 'text/csv' });
  await screen.findByText('Chọn tệp…');
  // The label belongs to the button that opens the browser's dialog; the file arrives in the input behind it.
  await userEvent.upload(document.querySelector('input[type=file]') as HTMLInputElement, file);
  await userEvent.click(screen.getByRole('button', { name: 'Kiểm tra thử' }));
  expect(await screen.findByText('Trùng mã tài sản với dòng 2')).toBeTruthy();
  expect(collector.query('/api/v1/assets/import')).toMatchObject({ dry_run: 'true' });
  await userEvent.click(screen.getByRole('button', { name: 'Xác nhận nhập 2 thay đổi' }));
  await screen.findByText('Đã nhập xong danh mục tài sản.');
  expect(collector.query('/api/v1/assets/import')).toMatchObject({ dry_run: 'false' });
  expect(await collector.asked.at(-1)?.text()).toContain('PC-1');
});

test('the certificate shows both shares, how they are counted, and that a list is not whole', async () => {
  const certificate: Certificate = {
    chain: [
      { id: 1, name: 'UBND tỉnh' },
      { id: 2, name: 'Sở Nội vụ' },
    ],
    issued_ms: Date.UTC(2026, 10, 30, 7),
    issued_by: 'lan',
    collector_version: '0.2.0',
    days: 7,
    outdated_days: 15,
    total: NUMBERS,
    units: [],
    exceptions_count: 0,
    exceptions: [],
    unprotected: { count: 0, items: [] },
    not_seen: { count: 700, items: [PC] },
  };
  collector.says('/api/v1/coverage/certificate', certificate);
  visit('/coverage/certificate?unit=2');
  const paper = within(await screen.findByRole('article'));
  expect(paper.getByRole('row', { name: 'Tỷ lệ bao phủ (gồm cả ngoại lệ) 62,50\u00A0%' })).toBeTruthy();
  expect(paper.getByRole('row', { name: 'Tỷ lệ bao phủ (không gồm ngoại lệ) 83,33\u00A0%' })).toBeTruthy();
  expect(paper.getByText('Danh sách chỉ in 1 dòng đầu trên tổng số 700.')).toBeTruthy();
  expect(paper.getByText(/ngày 30 tháng 11 năm 2026/)).toBeTruthy();
});

test('nobody is asked for a certificate before a unit is chosen', async () => {
  visit('/coverage/certificate');
  await screen.findByText('Hãy chọn đơn vị cần lập bản xác nhận.');
  expect(collector.asked.map(({ url }) => new URL(url).pathname)).not.toContain('/api/v1/coverage/certificate');
});
