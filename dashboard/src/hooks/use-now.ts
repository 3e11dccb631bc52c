/** One clock for the whole page, so that every "5 minutes ago" changes together. */
import { useSyncExternalStore } from 'react';

/** Ages are told in minutes; twice a minute is often enough. */
const TICK_MS = 30_000;

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** A fresh reading when the clock had stood still for a while, the shared one otherwise. */
function read(): number {
  if (Date.now() - now > TICK_MS) now = Date.now();
  return now;
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, read);
}
