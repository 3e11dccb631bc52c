/** Gives happy-dom what Mantine asks of a browser, and starts every test from a clean page. */
import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// It bounds a failure, not a success: on a busy machine a page takes its time.
configure({ asyncUtilTimeout: 20_000 });

afterEach(() => {
  cleanup();
  // A test of the node environment has no page to clean.
  globalThis.localStorage?.clear();
});

vi.stubGlobal('matchMedia', (query: string) => ({
  matches: false,
  media: query,
  onchange: null,
  addEventListener: () => {},
  removeEventListener: () => {},
  addListener: () => {},
  removeListener: () => {},
  dispatchEvent: () => false,
}));

vi.stubGlobal(
  'ResizeObserver',
  class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
);

if (typeof document !== 'undefined') {
  Object.defineProperty(document, 'fonts', { value: new EventTarget() });
}
