/** One run as it happens: server-sent events, and polling while they do not come. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { RunView } from '../../api/schema.js';
import { getRun, runEventsUrl } from './endpoints.js';
import { keys } from './queries.js';

const POLL_MS = 2_000;
/** Also with events now and then: a stream that has died silently must not freeze the page. */
const POLL_WHILE_STREAMING_MS = 15_000;

function parseRun(data: unknown): RunView | null {
  if (typeof data !== 'string') return null;
  try {
    const run = JSON.parse(data) as Partial<RunView> | null;
    return run !== null && typeof run.id === 'string' && Array.isArray(run.steps) ? (run as RunView) : null;
  } catch {
    return null;
  }
}

/** Follows a run until it has ended; `null` follows nothing. */
export function useLiveRun(id: string | null) {
  const cache = useQueryClient();
  const [streaming, setStreaming] = useState(false);
  const query = useQuery({
    queryKey: keys.run(id),
    queryFn: () => getRun(id ?? ''),
    enabled: id !== null,
    retry: 3,
    refetchInterval: (current) => {
      const state = current.state.data?.state;
      if (state !== undefined && state !== 'running') return false;
      return streaming ? POLL_WHILE_STREAMING_MS : POLL_MS;
    },
  });
  const running = query.data?.state === 'running';

  useEffect(() => {
    if (id === null || !running) return;
    const source = new EventSource(runEventsUrl(id));
    const take = (event: MessageEvent) => {
      const run = parseRun(event.data);
      if (run?.id !== id) return;
      setStreaming(true);
      cache.setQueryData(keys.run(id), run);
    };
    source.addEventListener('run', take);
    source.addEventListener('message', take);
    source.addEventListener('error', () => {
      setStreaming(false);
    });
    return () => {
      source.close();
      setStreaming(false);
    };
  }, [cache, id, running]);

  return { ...query, streaming };
}
