import { beforeAll, describe, expect, test } from 'vitest';
import { changeLanguage, i18n } from '.';
import { sentence, steps, word } from './codes';

beforeAll(() => changeLanguage('vi'));

const say = (code: string, params: unknown) => sentence(i18n.t, 'vi', { code, params });

describe('a sentence', () => {
  test('is told from its code and parameters', () => {
    expect(say('antivirus.stale', { product: 'ClamAV', days: 1200 })).toBe(
      'Mẫu nhận diện mã độc của ClamAV chậm cập nhật 1.200 ngày',
    );
    expect(
      say('probe.unreachable', { probe: 'cổng dịch vụ công', target: 'dvc.example.vn:443', error: 'timeout' }),
    ).toBe('Không truy cập được dịch vụ cổng dịch vụ công (dvc.example.vn:443): không trả lời kịp');
  });

  test('whose value was not sent says so', () => {
    expect(say('probe.unreachable', { probe: 'DNS', target: 'x' })).toBe(
      'Không truy cập được dịch vụ DNS (x): Không rõ',
    );
  });

  test('for many of a kind is another one', () => {
    expect(say('file.critical_changed', { more: 1200 })).toBe('Thêm 1.200 thay đổi tệp quan trọng trong cùng một phút');
    expect(say('file.critical_changed', { more: 1303, total: 1517 })).toBe('1.517 thay đổi tệp quan trọng');
  });

  test('may have words of its own for a reason', () => {
    expect(say('antivirus.off', { product: 'ClamAV', reason: 'not_answering' })).toBe(
      'Phần mềm phòng, chống mã độc ClamAV không phản hồi',
    );
    expect(say('antivirus.off', { product: 'ClamAV', reason: 'from_the_future' })).toBe(
      'Phần mềm phòng, chống mã độc ClamAV đang tắt',
    );
  });

  test('about malware names the threat, or how many there are', () => {
    expect(say('malware.detected', { threat: 'Eicar' })).toBe('Phát hiện mã độc Eicar');
    expect(say('malware.detected', { threat: 'Eicar', total: 12 })).toBe('Phát hiện 12 tệp mã độc');
    expect(say('malware.outbreak', { threat: 'Eicar', pcs: 1200 })).toBe('Mã độc Eicar xuất hiện trên 1.200 máy');
  });

  test('shows what is not known as unknown', () => {
    expect(say('antivirus.off', { product: null })).toContain('Không rõ');
  });

  test.each(['antivirus.from_the_future', 'no.such', 'antivirus', ''])(
    'with the unknown code "%s" names it',
    (code) => {
      expect(say(code, { product: 'X', days: 3 })).toBe(`Mã ${code} (product: X, days: 3)`);
      expect(say(code, {})).toBe(`Mã ${code}`);
    },
  );
});

describe('a hostile parameter', () => {
  test('cannot call other texts or values', () => {
    const text = say('antivirus.off', { product: '$t(app.name) {{days}}', days: 9 });
    expect(text).toContain('$t(app.name) {{days}}');
  });

  test('shows its invisible characters', () => {
    expect(say('file.critical_changed', { action: 'modified', path: '/a\u202Eb' })).toContain('/a\\u{202E}b');
  });
});

test('a word that is not known is its own code', () => {
  expect(word(i18n.t, 'fileAction', 'modified')).toBe('Sửa nội dung');
  expect(word(i18n.t, 'fileAction', 'teleported')).toBe('teleported');
  expect(word(i18n.t, 'probeError', 'status_502')).toBe('máy chủ trả lời mã 502');
  expect(word(i18n.t, 'probeError', 'fault_502')).toBe('fault_502');
  expect(word(i18n.t, 'unsupportedWhat', 'watch:standard:ssh_keys')).toBe('thư mục của mục theo dõi “Khóa SSH”');
  expect(word(i18n.t, 'commandResult', 'failed: no route\u202E')).toBe('chương trình báo lỗi: no route\\u{202E}');
  expect(word(i18n.t, 'protectionReason', 'from_the_future')).toBe('from_the_future');
});

test('steps exist for known codes only', () => {
  expect(steps(i18n.t, 'host.silent', true)).toHaveLength(3);
  expect(steps(i18n.t, 'no.such', true)).toEqual([]);
  expect(steps(i18n.t, 'antivirus', true)).toEqual([]);
});

test('steps promise no telephone that nobody has', () => {
  const code = 'file.critical_changed';
  const [withPhone, without] = [true, false].map((byPhone) => steps(i18n.t, code, byPhone).join(' '));
  expect(withPhone).toContain(i18n.t('call.phone').slice(1));
  expect(without).not.toContain(i18n.t('call.phone').slice(1));
  expect(without).toContain(i18n.t('call.office').slice(1));
});
