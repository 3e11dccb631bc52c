/** What a piece of news makes stale: the collector names a topic and an id, the page asks again. */
import type { QueryClient, QueryKey } from '@tanstack/react-query';

/** As the collector sends it: `{"topic":"alert","id":7}`. */
export interface News {
  readonly topic: string;
  readonly id?: number | undefined;
}

/** Reads the data of a server-sent event; anything unreadable is no news. */
export function parseNews(data: string): News | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { topic, id } = parsed as { topic?: unknown; id?: unknown };
  if (typeof topic !== 'string') return undefined;
  return { topic, id: typeof id === 'number' ? id : undefined };
}

/** The keys of the queries that show this topic. A topic newer than this page concerns everything. */
export function staleKeys({ topic, id }: News): QueryKey[] {
  const one = (name: string): QueryKey => (id === undefined ? [name] : [name, id]);
  switch (topic) {
    case 'alert':
      return [['alerts'], one('alert'), ['overview'], ['hosts'], ['detections']];
    case 'host':
      return [['hosts'], one('host'), one('ledger'), ['overview'], ['units']];
    case 'event':
      return [one('events'), one('ledger'), one('host'), one('commands')];
    case 'overview':
      return [['overview']];
    default:
      return [[]];
  }
}

/** Gathers news, so that a storm of it is one question per query and pause. */
export class Gathering {
  private readonly waiting = new Map<string, QueryKey>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly queries: QueryClient,
    private readonly pauseMs: number,
  ) {}

  add(news: News): void {
    for (const key of staleKeys(news)) this.waiting.set(JSON.stringify(key), key);
    this.timer ??= setTimeout(() => this.flush(), this.pauseMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private flush(): void {
    this.timer = undefined;
    const keys = [...this.waiting.values()];
    this.waiting.clear();
    for (const queryKey of keys) void this.queries.invalidateQueries({ queryKey });
  }
}
