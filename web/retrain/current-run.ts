/** The run that the page shows: the one just started here, or the newest of all, followed live. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import type { RunView } from '../../api/schema.js';
import { startRun } from '../client/endpoints.js';
import { ApiError, toFailure } from '../client/http.js';
import { useLiveRun } from '../client/live-run.js';
import { keys, useLatestRun } from '../client/queries.js';

/** Id of the run that was started here. Kept outside of React: the views come and go while it runs. */
let followedId: string | null = null;
const listeners = new Set<() => void>();
function follow(id: string | null): void {
  followedId = id;
  for (const listener of listeners) listener();
}
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The run with live progress; `undefined` while not known yet, `null` where there is none. */
export function useCurrentRun(): {
  readonly run: RunView | null | undefined;
  readonly starting: boolean;
  readonly failure: ReturnType<typeof toFailure> | null;
  readonly refetch: () => void;
} {
  const cache = useQueryClient();
  const followed = useSyncExternalStore(subscribe, () => followedId);
  const latest = useLatestRun();
  const live = useLiveRun(followed ?? latest.data?.id ?? null);

  // A newer run than the one started here (the schedule, another person) takes its place.
  const newest = latest.data;
  const mine = live.data;
  useEffect(() => {
    if (followed === null || newest === null || newest === undefined || newest.id === followed) return;
    const over = mine !== undefined && mine.id === followed && mine.state !== 'running';
    if (over && newest.startedAt > mine.startedAt) follow(null);
  }, [followed, newest, mine]);

  // When a run ends, everything that it may have changed is read again.
  const state = live.data?.state;
  const before = useRef(state);
  useEffect(() => {
    if (before.current === 'running' && state !== undefined && state !== 'running') {
      for (const queryKey of [keys.info, keys.models, keys.schedule, keys.latestRun, keys.corrections]) {
        void cache.invalidateQueries({ queryKey });
      }
    }
    before.current = state;
  }, [cache, state]);

  const run = live.data ?? (followed === null ? latest.data : undefined);
  const error = run === undefined ? (live.error ?? latest.error) : null;
  return {
    run,
    starting: followed !== null && live.data === undefined && live.error === null,
    failure: error === null ? null : toFailure(error),
    refetch: () => {
      void latest.refetch();
      if (followed !== null) void live.refetch();
    },
  };
}

/** Starts a retrain and follows it; where one runs already, follows that one. */
export function useStartRun() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ mode, author }: { mode: 'warm' | 'full'; author: string }) => startRun(mode, author),
    onSuccess: ({ id }) => {
      follow(id);
      return cache.invalidateQueries({ queryKey: keys.latestRun });
    },
    onError: (error) => {
      if (error instanceof ApiError && error.failure.code === 'RUN_IN_PROGRESS') {
        follow(null);
        return cache.invalidateQueries({ queryKey: keys.latestRun });
      }
      return undefined;
    },
  });
}
