/**
 * `j` and `k` move through the rows of a list, Enter opens, `/` goes to the search field.
 *
 * The keys move the real focus, so that a screen reader follows and Enter does what a click does.
 * Rows are the links marked `data-row`; the search field is marked `data-search`.
 */
import { useHotkeys } from '@mantine/hooks';

/** Moves the focus among the rows of the page by one. */
export function moveFocus(root: ParentNode, step: 1 | -1): void {
  const rows = [...root.querySelectorAll<HTMLElement>('[data-row]')];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next]?.focus();
  rows[next]?.scrollIntoView({ block: 'nearest' });
}

export function useRowKeys(): void {
  useHotkeys([
    ['j', () => moveFocus(document, 1)],
    ['k', () => moveFocus(document, -1)],
    ['/', () => document.querySelector<HTMLElement>('[data-search]')?.focus()],
  ]);
}
