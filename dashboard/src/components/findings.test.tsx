import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import type { Finding } from '~/api/types';
import { show } from '~/test-page';
import { Findings } from './findings';

const change = (n: number): Finding => ({
  id: `f${n}`,
  rule: 'file.critical_changed',
  key: '',
  severity: 'high',
  opened_ms: 1_000 * n,
  closed_ms: null,
  evidence: {
    action: 'modified',
    path: `/srv/hồ sơ/${n}.docx`,
    sha256: `hash${n}`,
    process: { pid: 4821, user: 'hoang.lm', executable: '/usr/bin/soffice' },
  },
});

test('two hundred findings are twenty lines under one name, and the rest on demand', async () => {
  show(<Findings host={1} findings={Array.from({ length: 200 }, (_, n) => change(n))} total={214} />);
  expect(screen.getAllByRole('listitem')).toHaveLength(20);
  expect(screen.getAllByText('hoang.lm')).toHaveLength(1);
  expect(screen.queryByText('hash0')).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Xem thêm 180 dấu hiệu' }));
  expect(screen.getAllByRole('listitem')).toHaveLength(200);
});

test('the evidence opens under its line, and is open where there is hardly more', async () => {
  const { unmount } = show(<Findings host={1} findings={[1, 2, 3].map(change)} total={3} />);
  await userEvent.click(screen.getByText('/srv/hồ sơ/2.docx'));
  expect(await screen.findByText('hash2')).toBeTruthy();
  expect(screen.queryByText('hash1')).toBeNull();
  unmount();
  show(<Findings host={1} findings={[change(1)]} total={1} />);
  expect(screen.getByText('hash1')).toBeTruthy();
});
