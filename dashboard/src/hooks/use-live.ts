/**
 * News from the collector: server-sent events that name a topic and an id, never the data.
 *
 * The browser reconnects by itself and resumes with `Last-Event-ID`; because an interruption may be
 * longer than what the collector remembers, everything on the page is asked for again after one.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Gathering, parseNews } from '~/api/news';

/** Long enough to gather a burst, short enough to feel immediate. */
const GATHER_MS = 700;

/** Whether news arrives; subscribes for as long as the page is open. */
export function useLive(): boolean {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    const gathering = new Gathering(queries, GATHER_MS);
    const source = new EventSource('/api/v1/live');
    let interrupted = false;
    source.addEventListener('open', () => {
      setConnected(true);
      if (interrupted) void queries.invalidateQueries();
      interrupted = false;
    });
    source.addEventListener('error', () => {
      interrupted = true;
      setConnected(false);
    });
    source.addEventListener('change', (event: MessageEvent<string>) => {
      const news = parseNews(event.data);
      if (news !== undefined) gathering.add(news);
    });
    return () => {
      source.close();
      gathering.stop();
    };
  }, [queries]);
  return connected;
}
