import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import { show } from '~/test-page';
import { RansomwareEvidence, RansomwareStory } from './ransomware';

const FIRST = Date.UTC(2026, 10, 30, 18, 0, 0);

const evidence = (more: object = {}) => ({
  level: 'alarm',
  score_milli: 17_200,
  reasons: [
    { code: 'content_random', count: 31, score_milli: 31_000 },
    { code: 'from_the_future', count: 1, score_milli: 100 },
  ],
  files: Array.from({ length: 24 }, (_, n) => ({
    path: `/home/lan/${n}.khoa`,
    old_path: n === 1 ? '/srv/1.docx' : `/home/lan/${n}.docx`,
    reason: 'extension',
    at_ms: FIRST + n,
  })),
  curve: [
    [FIRST, 1000],
    [FIRST + 4000, 7000],
  ],
  processes: [
    { pid: 7711, executable: '/home/lan/hoá\u202Eđơn', command_line: './x', user: 'lan' },
    { pid: 7700, executable: '/usr/bin/bash', command_line: 'bash', user: 'lan' },
  ],
  user: 'lan',
  volume: '/home',
  files_touched: 1047,
  files_lost: 39,
  first_ms: FIRST,
  last_ms: FIRST + 12_000,
  over: false,
  ...more,
});

test('one sentence says who did what to how many files in what time, with the name made safe', () => {
  show(<RansomwareStory evidence={evidence()} steps={['Rút ngay dây mạng.']} />);
  expect(
    screen.getByText(
      'Chương trình hoá\\u{202E}đơn của người dùng lan đã ghi đè, đổi tên hoặc xóa 1.047 tệp trong 12 giây.',
    ),
  ).toBeTruthy();
  expect(screen.getByText('Rút ngay dây mạng.')).toBeTruthy();
});

test('that nobody knows the program is said, not left out', () => {
  const unknown = evidence({ processes: [], user: '' });
  show(<RansomwareStory evidence={unknown} steps={[]} />);
  show(<RansomwareEvidence evidence={unknown} />);
  expect(screen.getByText(/^Trên ổ \/home, một chương trình chưa rõ đã ghi đè/)).toBeTruthy();
  expect(screen.getByText(/^Không rõ tiến trình nào/)).toBeTruthy();
});

test('the picture is said in words, and so are the reasons', () => {
  show(<RansomwareEvidence evidence={evidence()} />);
  expect(screen.getByText('Đạt ngưỡng báo động 6 lúc 01:00:04, sau 4 giây; cao nhất 17,2.')).toBeTruthy();
  const reasons = within(screen.getByRole('table', { name: 'Vì sao nghi ngờ' }));
  expect(reasons.getByRole('row', { name: /Nội dung tài liệu biến thành dữ liệu như đã mã hóa 31 31,0/ })).toBeTruthy();
  expect(reasons.getByText('from_the_future')).toBeTruthy();
});

test('the first and the last files are shown, the others on demand', async () => {
  show(<RansomwareEvidence evidence={evidence()} />);
  const files = within(screen.getByRole('table', { name: 'Các tệp đầu và cuối' }));
  expect(files.getByText('0.khoa')).toBeTruthy();
  expect(files.getByText('23.khoa')).toBeTruthy();
  expect(files.getByText('/home/lan/1.khoa')).toBeTruthy();
  expect(files.queryByText('9.khoa')).toBeNull();
  await userEvent.click(files.getByRole('button', { name: 'Xem cả 24 tệp' }));
  expect(files.getByText('9.khoa')).toBeTruthy();
});

test('the process that did it stands under what started it', () => {
  show(<RansomwareEvidence evidence={evidence()} />);
  const panel = within(screen.getByRole('region', { name: 'Tiến trình' }));
  const [parent, child] = panel.getAllByRole('listitem');
  expect(parent?.textContent).toContain('/usr/bin/bash');
  expect(child?.textContent).toContain('Đã làm việc này');
  expect(parent?.contains(child ?? null)).toBe(true);
});

test('of what is over it is said since when', () => {
  show(<RansomwareStory evidence={evidence({ over: true })} steps={[]} />);
  expect(screen.getByText(/^Không thấy thêm gì sau 01\/12\/2026 01:00:12/)).toBeTruthy();
});
