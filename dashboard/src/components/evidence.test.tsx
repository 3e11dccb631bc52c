import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { show } from '~/test-page';
import { EvidenceFacts } from './evidence';

/** The value that stands beside a name. */
const valueOf = (name: string) => screen.getByText(name).nextElementSibling?.textContent;

test('a changed file: what, where, when and who', () => {
  show(
    <EvidenceFacts
      evidence={{
        path: '/srv/hồ sơ/Báo cáo.docx',
        path_hex: '2f',
        action: 'modified',
        size: 48_211,
        time_ms: Date.UTC(2026, 10, 23, 1, 15, 7),
        process: { pid: 4821, executable: '/usr/bin/soffice', user: 'hoang.lm', parent_pid: 1, parent_executable: '' },
      }}
    />,
  );
  expect(valueOf('Đường dẫn')).toBe('/srv/hồ sơ/Báo cáo.docx');
  expect(valueOf('Thao tác')).toBe('Sửa nội dung');
  expect(valueOf('Kích thước')).toBe('48,2\u00A0kB');
  expect(valueOf('Xảy ra lúc')).toBe('23/11/2026 08:15:07');
  expect(valueOf('Người dùng')).toBe('hoang.lm');
  expect(valueOf('PID')).toBe('4821');
  expect(screen.queryByText('Tiến trình cha')).toBeNull();
});

test('nobody known is said with its reason', () => {
  show(<EvidenceFacts evidence={{ who_reason: 'unprivileged' }} />);
  expect(valueOf('Không rõ ai thay đổi')).toBe('phần mềm giám sát chạy không đủ quyền');
});

test('evidence of a newer rule is shown under its own name, escaped', () => {
  show(<EvidenceFacts evidence={{ usb_serial: 'X\u202E1', score: 7.25, nested: { a: [1] } }} />);
  expect(valueOf('usb_serial')).toBe('X\\u{202E}1');
  expect(valueOf('score')).toBe('7,25');
  expect(valueOf('nested')).toBe('{"a":[1]}');
});
