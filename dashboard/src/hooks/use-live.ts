/**
 * News from the collector: server-sent events that name a topic and an id, never the data.
 *
 * After an interruption the browser comes back by itself with the last id it saw, and the collector tells
 * what was missed, or to ask for everything again. Only a refusal (too many streams, a proxy's error page)
 * ends an `EventSource` for good; then a new one is tried after a pause.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Gathering, parseNews } from '~/api/news';

/** Long enough to gather a burst, short enough to feel immediate. */
const GATHER_MS = 500;

/** After a refusal: soon enough for the reader, seldom enough for the collector. */
const RETRY_MS = 10_000;

/** Whether news arrives; subscribes for as long as the page is open. */
export function useLive(): boolean {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    const gathering = new Gathering(queries, GATHER_MS);
    let source: EventSource;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const open = (isFirst: boolean) => {
      source = new EventSource('/api/v1/live');
      source.addEventListener('open', () => {
        setConnected(true);
        // A new source knows no last id, so nobody can tell it what it missed.
        if (!isFirst) void queries.invalidateQueries();
      });
      source.addEventListener('error', () => {
        setConnected(false);
        if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS, false);
      });
      source.addEventListener('change', (event: MessageEvent<string>) => {
        const news = parseNews(event.data);
        if (news !== undefined) gathering.add(news);
      });
    };
    open(true);
    return () => {
      clearTimeout(retry);
      source.close();
      gathering.stop();
    };
  }, [queries]);
  return connected;
}
