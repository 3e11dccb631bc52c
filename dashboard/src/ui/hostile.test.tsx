import { expect, test } from 'vitest';
import { show } from '~/test-page';
import { FilePath, Hostile } from './hostile';

test('markup in a name stays text', () => {
  const { container } = show(<Hostile text={'<img src=x onerror="alert(1)"><b>đậm</b>'} />);
  expect(container.querySelector('img, b')).toBeNull();
  expect(container.textContent).toContain('<img src=x onerror="alert(1)"><b>đậm</b>');
});

test('a character that turns the line around is shown as what it is, apart from the rest', () => {
  const { getByText } = show(<Hostile text={'hoa\u202Efdp.exe'} />);
  expect(getByText('\\u{202E}').tagName).toBe('SPAN');
});

test('a name is kept apart from the direction of the text around it', () => {
  const { container } = show(<Hostile text="שלום" />);
  expect(container.querySelector('bdi')?.textContent).toBe('שלום');
});

test('of two names that look alike, the one with separate accents is marked', () => {
  const name = 'Báo cáo.docx';
  const { queryByText, getByText } = show(<Hostile text={name.normalize('NFC')} />);
  expect(queryByText('NFD')).toBeNull();
  const { container } = show(<Hostile text={name.normalize('NFD')} />);
  expect(container.querySelector('bdi')?.textContent).toBe(name.normalize('NFD'));
  expect(getByText('NFD')).toBeTruthy();
});

test('a path that is not UTF-8 says so and has its bytes at hand', () => {
  const { container } = show(<FilePath path={'/srv/\uFFFD.txt'} hex="2f7372762fff2e747874" />);
  expect(container.textContent).toContain('không phải UTF-8');
  expect(container.textContent).toContain('2f7372762fff2e747874');
});

test('an ordinary path says nothing of bytes', () => {
  const { container } = show(<FilePath path="/srv/báo cáo.docx" hex={null} />);
  expect(container.textContent).toContain('/srv/báo cáo.docx');
  expect(container.textContent).not.toContain('UTF-8');
});
