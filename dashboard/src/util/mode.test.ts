import { expect, test } from 'vitest';
import { modeText } from './mode';

test.each([
  [0o100644, 'rw-r--r-- (644)'],
  [0o104755, 'rwxr-xr-x (4755)'],
  [0, '--------- (000)'],
])('%d is %s', (mode, said) => {
  expect(modeText(mode)).toBe(said);
});
