import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { AntivirusProduct, HostDetail } from '~/api/types';
import { show } from '~/test-page';
import { HostAntivirus } from './host-antivirus';

const CLAMAV: AntivirusProduct = {
  product: 'ClamAV',
  vendor: 'Cisco',
  version: '1.4.3',
  engine_version: '',
  health: 'reported',
  mode: 'unknown',
  engine: 'on',
  engine_reason: '',
  real_time: 'on',
  updater: 'on',
  tamper_protection: 'unknown',
  definitions_version: '27821',
  definitions_built_ms: null,
  definitions_updated_ms: null,
  definitions_freshness: 'unknown',
  quick_scan_ms: null,
  full_scan_ms: null,
  licence_expires_ms: null,
  exclusions: [],
  raw: [],
};

function showing(...products: AntivirusProduct[]) {
  const host = { protection: 'off', protection_gaps: [], antivirus: { at_ms: 0, products } };
  show(<HostAntivirus host={host as unknown as HostDetail} />);
}

test.each([
  ['stopped', 'bị dừng đúng cách: có người hoặc hệ thống đã dừng'],
  ['crashed', 'gặp lỗi và tự dừng'],
  ['not_answering', 'đang chạy nhưng không trả lời'],
  ['no_permission', 'phần mềm giám sát không đủ quyền hỏi'],
  ['from_the_future', 'from_the_future'],
])('an engine that is off for the reason %s says so', (reason, said) => {
  showing({ ...CLAMAV, engine: 'off', engine_reason: reason });
  expect(screen.getByText(said)).toBeTruthy();
});

test('of what is only installed nothing is claimed', () => {
  showing({ ...CLAMAV, product: 'Bkav', health: 'installed_only' });
  expect(screen.getByText('Đã cài, chưa rõ tình trạng')).toBeTruthy();
  expect(screen.queryByText('Bộ quét')).toBeNull();
});

test('which of two products protects is asked, of a single one only when it does not', () => {
  showing(CLAMAV);
  expect(screen.queryByText('Chế độ')).toBeNull();
  showing({ ...CLAMAV, mode: 'active' }, { ...CLAMAV, product: 'Defender', mode: 'passive' });
  expect(screen.getByText('Chủ động: phần mềm này bảo vệ máy')).toBeTruthy();
  expect(screen.getByText('Thụ động: nhường cho phần mềm khác bảo vệ máy')).toBeTruthy();
});

test('a licence that is over and what is not scanned are told', () => {
  showing({ ...CLAMAV, licence_expires_ms: 0, exclusions: ['/srv/\u202Ebackup'] });
  expect(screen.getByText(/đã hết hạn/)).toBeTruthy();
  expect(screen.getByText('1 mục không được quét')).toBeTruthy();
  expect(screen.getByText('\\u{202E}')).toBeTruthy();
});

test.each([
  [{}, 'Không có mục nào'],
  [{ engine_reason: 'configuration' }, 'Không rõ: phần mềm giám sát không đọc được thiết lập này'],
  [{ product: 'Microsoft Defender' }, 'Không rõ: phần mềm giám sát không đọc được thiết lập này'],
])('nothing is claimed of exclusions that nobody read: %o', (product, said) => {
  showing({ ...CLAMAV, ...product });
  expect(screen.getByText(said)).toBeTruthy();
});
