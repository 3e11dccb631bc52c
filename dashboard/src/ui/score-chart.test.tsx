import { screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { show } from '~/test-page';
import { line, ScoreChart } from './score-chart';

test('a line goes from the first moment to the last, and as high as its score', () => {
  const points = [
    { atMs: 1000, score: 0 },
    { atMs: 2000, score: 10 },
    { atMs: 5000, score: 5 },
  ];
  expect(line(points, 10)).toBe('0,200 250,0 1000,100');
});

test('a single moment is drawn across the whole width', () => {
  expect(line([{ atMs: 7, score: 5 }], 10)).toBe('0,100 1000,100');
  expect(line([], 10)).toBe('');
});

test('a score far above the thresholds is drawn at the top, and the scale says so', () => {
  const points = [
    { atMs: 0, score: 0 },
    { atMs: 1, score: 82 },
  ];
  expect(line(points, 18)).toBe('0,200 1000,0');
  show(
    <ScoreChart
      caption="x"
      timeTitle="t"
      scoreTitle="s"
      points={points}
      thresholds={[{ at: 6, name: 'báo động 6', tone: 'critical' }]}
    />,
  );
  expect(screen.getByText('≥ 18')).toBeTruthy();
});

test('whoever cannot see the line reads its numbers', () => {
  show(
    <ScoreChart
      caption="Điểm theo thời gian"
      timeTitle="Thời điểm"
      scoreTitle="Điểm"
      points={[{ atMs: Date.UTC(2026, 10, 30, 1, 2, 3), score: 6.25 }]}
      thresholds={[{ at: 6, name: 'báo động 6', tone: 'critical' }]}
    />,
  );
  const table = within(screen.getByRole('table', { name: 'Điểm theo thời gian' }));
  expect(table.getByRole('row', { name: /30\/11\/2026 08:02:03/ }).textContent).toContain('6,3');
});
