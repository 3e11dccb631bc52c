import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Ledger } from '~/api/types';
import { show } from '~/test-page';
import { LedgerLine } from './ledger';

const lane = (number: number) => ({ lane: number, high_water: 3, missing: 0, gaps: [] });
const complete: Ledger = {
  missing: 0,
  opaque: 0,
  set_aside: 0,
  streams: [{ stream: 'c4f8', lanes: [0, 1, 2, 3].map(lane) }],
  blind: [],
};

test('nothing is promised of a PC that is away', () => {
  const host = { id: 1, connected: true, last_seen_ms: 1 };
  const { unmount } = show(<LedgerLine ledger={complete} host={host} />);
  expect(screen.getByText('Không thiếu sự kiện nào')).toBeTruthy();
  unmount();
  show(<LedgerLine ledger={complete} host={{ ...host, connected: false }} />);
  expect(screen.getByText('Không thiếu sự kiện nào trong số đã nhận')).toBeTruthy();
});
