import { expect, test } from 'vitest';
import type { EventRow } from '~/api/types';
import { i18n } from '~/i18n';
import { sentence } from '~/i18n/codes';
import { phraseOf } from './event-phrase';

const SUMMARY = { code: 'from.the.server', params: {} };

const say = (kind: EventRow['kind'], detail: EventRow['detail'], probe: EventRow['probe'] = null) =>
  sentence(i18n.t, 'vi', phraseOf({ kind, summary: SUMMARY, detail, probe }));

test.each([
  ['antivirus', { products: [{ product: 'ClamAV' }] }, 'Báo cáo trạng thái: ClamAV'],
  ['antivirus', { products: [] }, 'Báo cáo trạng thái: không tìm thấy phần mềm phòng, chống mã độc nào'],
  ['presence', { state: 'stopping', reason: 'shutdown' }, 'Phần mềm giám sát dừng: máy tắt hoặc khởi động lại'],
  [
    'presence',
    { state: 'started', agent_version: '0.1.0', after_crash: true },
    'Phần mềm giám sát 0.1.0 khởi động lại sau khi bị ngắt đột ngột',
  ],
  [
    'blind',
    { sensor: 'files', scope: '/srv', reason: 'queue_overflow' },
    'Tệp: không quan sát được /srv (hàng đợi của hệ điều hành bị tràn)',
  ],
  [
    'blind',
    { sensor: 'files', scope: '', reason: 'panicked' },
    'Tệp: không quan sát được toàn bộ (bộ cảm biến gặp lỗi và được chạy lại)',
  ],
  [
    'blind',
    { sensor: 'presence', scope: 'spool', reason: 'spool_corrupt' },
    'Hoạt động của máy: không quan sát được bộ nhớ tạm của phần mềm giám sát (bộ nhớ tạm trên máy bị hỏng và được tạo lại)',
  ],
  [
    'unsupported',
    { sensor: 'files', what: 'watch:Hồ sơ\u202E', why: 'missing' },
    'Tệp: không quan sát được thư mục của mục theo dõi “Hồ sơ\\u{202E}” (không có trên máy)',
  ],
  ['unsupported', { sensor: 'files', what: 'x', why: '' }, 'Tệp: không quan sát được x (Không rõ)'],
  [
    'unsupported',
    { sensor: 'files', what: 'watch:Hồ sơ', why: '', cured: true },
    'Tệp: đã quan sát được thư mục của mục theo dõi “Hồ sơ”',
  ],
  [
    'detection',
    { product: 'ClamAV', threat: 'Eicar\u202E', action: 'quarantined', outcome: 'succeeded' },
    'ClamAV phát hiện mã độc Eicar\\u{202E}: Cách ly tệp (Đã xử lý xong)',
  ],
  [
    'detection',
    { product: 'ClamAV', threat: 'Eicar', action: 'none', outcome: 'unknown', code: 'file_gone' },
    'ClamAV phát hiện mã độc Eicar: Chỉ ghi nhận (Không rõ: tệp không còn ở chỗ cũ)',
  ],
  [
    'detection',
    { product: 'ClamAV', threat: 'Eicar', action: 'removed', outcome: 'succeeded', code: 'file_gone' },
    'ClamAV phát hiện mã độc Eicar: Xóa tệp (Đã xử lý xong)',
  ],
  ['neighbours', { neighbours: [{}, {}] }, 'Thấy 2 máy khác trên cùng mạng'],
  ['neighbours', { neighbours: [] }, 'Không thấy máy nào khác trên cùng mạng'],
  [
    'command_result',
    { done: true, detail: 'up_to_date' },
    'Kết quả lệnh: mẫu nhận diện đã là mới nhất, không cần cập nhật',
  ],
  ['command_result', { done: false, detail: 'busy' }, 'Không thực hiện lệnh: máy đang thực hiện một lệnh khác'],
] as const)('%s is told from its own fields', (kind, detail, text) => {
  expect(say(kind, detail)).toBe(text);
});

test('a service is told from the probe', () => {
  const probe = { probe: 'DNS', kind: 'dns', target: '10.0.0.53', state: 'unreachable', error: 'timeout' };
  expect(say('probe_state', null, probe as unknown as EventRow['probe'])).toBe(
    'Không truy cập được dịch vụ DNS (10.0.0.53): không trả lời kịp',
  );
});

test('what this page cannot tell is told by the server’s summary', () => {
  expect(say('presence', { state: 'asleep' })).toBe('Mã from.the.server');
  expect(say('network', null)).toBe('Mã from.the.server');
});
