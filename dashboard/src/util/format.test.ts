import { describe, expect, test } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatDate,
  formatDateTime,
  formatDuration,
  formatNumber,
  formatShare,
} from './format';

const MOMENT = Date.UTC(2026, 10, 22, 17, 5, 9);

describe('times', () => {
  test('are Vietnamese, whatever the zone of the browser', () => {
    expect(new Date(MOMENT).getHours()).not.toBe(0);
    expect(formatDateTime(MOMENT)).toBe('23/11/2026 00:05:09');
    expect(formatDate(MOMENT)).toBe('23/11/2026');
  });

  test('are told relative to now in both languages', () => {
    expect(formatAgo(MOMENT - 5 * 60_000, MOMENT, 'vi')).toBe('5 phút trước');
    expect(formatAgo(MOMENT - 3 * 3_600_000, MOMENT, 'en')).toBe('3 hours ago');
    expect(formatAgo(MOMENT, MOMENT, 'vi')).toBe('bây giờ');
  });

  test('have lengths in their natural unit', () => {
    expect(formatDuration(12, 'vi')).toBe('12\u00A0ms');
    expect(formatDuration(1_500, 'en')).toBe('1.5\u00A0s');
    expect(formatDuration(200_000, 'vi')).toBe('3\u00A0phút');
  });
});

describe('numbers', () => {
  test('are grouped as the language groups them', () => {
    expect(formatNumber(4239, 'vi')).toBe('4.239');
    expect(formatNumber(4239, 'en')).toBe('4,239');
    expect(formatBytes(3_449_000, 'vi')).toBe('3,4\u00A0MB');
  });

  test('show a share with two decimals', () => {
    expect(formatShare(2775, 10_000, 'vi')).toBe('27,75\u00A0%');
    expect(formatShare(2775, 10_000, 'en')).toBe('27.75%');
  });

  test('never round an incomplete share up to the whole', () => {
    expect(formatShare(99_999, 100_000, 'vi')).toBe('99,99\u00A0%');
    expect(formatShare(100_000, 100_000, 'vi')).toBe('100,00\u00A0%');
  });

  test('have no share of nothing', () => {
    expect(formatShare(0, 0, 'vi')).toBeNull();
  });
});
