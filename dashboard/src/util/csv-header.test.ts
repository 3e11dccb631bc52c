import { expect, test } from 'vitest';
import { headersOf, splitHeader } from './csv-header';

test.each([
  ['Số thẻ,Tên\r\n1,2', ['Số thẻ', 'Tên']],
  ['\uFEFFSố thẻ;Tên;Nơi, đặt\n', ['Số thẻ', 'Tên', 'Nơi, đặt']],
  ['"Số ""thẻ"""\tTên\t\tTên', ['Số "thẻ"', 'Tên']],
  ['', []],
])('the header of %j names %j', (text, names) => {
  expect(splitHeader(text)).toEqual(names);
});

test('a file in UTF-16 is read by its mark', async () => {
  const units = Uint16Array.from('\uFEFFTên;Số', (letter) => letter.charCodeAt(0));
  expect(await headersOf(new Blob([units]))).toEqual(['Tên', 'Số']);
});
