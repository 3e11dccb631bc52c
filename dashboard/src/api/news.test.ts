import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gathering, parseNews, staleKeys } from './news';

describe('news', () => {
  test('is a topic and perhaps an id', () => {
    expect(parseNews('{"topic":"alert","id":7}')).toEqual({ topic: 'alert', id: 7 });
    expect(parseNews('{"topic":"overview"}')).toEqual({ topic: 'overview', id: undefined });
  });

  test.each(['', 'null', '[]', '{"id":7}', '{"topic":3}', '<html>'])('that cannot be read is none: %s', (data) => {
    expect(parseNews(data)).toBeUndefined();
  });

  test('of a topic newer than the page concerns everything', () => {
    expect(staleKeys({ topic: 'weather' })).toEqual([[]]);
  });

  test('of one host leaves the pages of others alone', () => {
    expect(staleKeys({ topic: 'event', id: 3 })).toContainEqual(['events', 3]);
  });
});

describe('a storm of news', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('is one question per query and pause', () => {
    const queries = new QueryClient();
    const invalidate = vi.spyOn(queries, 'invalidateQueries').mockResolvedValue();
    const gathering = new Gathering(queries, 500);
    for (let count = 0; count < 1000; count += 1) gathering.add({ topic: 'event', id: 3 });
    expect(invalidate).not.toHaveBeenCalled();
    vi.advanceTimersByTime(500);
    const asked = invalidate.mock.calls.map(([filter]) => JSON.stringify(filter?.queryKey));
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toContain('["events",3]');
    vi.advanceTimersByTime(5000);
    expect(invalidate.mock.calls.length).toBe(asked.length);
  });
});
