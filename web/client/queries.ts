/** What the page reads from the API, cached and kept fresh. */
import { QueryClient, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { Serving } from '../../api/schema.js';
import { getCorrection, getCorrections, getInfo, getModels, getRuns, getSchedule } from './endpoints.js';
import { toFailure } from './http.js';

export const keys = {
  info: ['info'],
  models: ['models'],
  schedule: ['schedule'],
  latestRun: ['runs', 'latest'],
  run: (id: string | null) => ['run', id],
  corrections: ['corrections'],
  correction: (id: string) => ['correction', id],
} as const;

/** The one query cache. A server on this machine is reachable without a network, hence `networkMode`. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 2_000,
      retry: (count, error) => count < 1 && toFailure(error).retryable,
      retryDelay: 800,
    },
    mutations: { networkMode: 'always' },
  },
});

/** Polled, so that every open page sees a swap within seconds. It needs no part but the API itself. */
export const useInfo = () => useQuery({ queryKey: keys.info, queryFn: getInfo, refetchInterval: 3_000 });

/** The model that answers; `null` where none is loaded yet, `undefined` while that is not known. */
export const useServing = (): Serving | null | undefined => useInfo().data?.serving;

export const useModels = () =>
  useQuery({ queryKey: keys.models, queryFn: getModels, refetchInterval: 15_000 });

export const useSchedule = () =>
  useQuery({ queryKey: keys.schedule, queryFn: getSchedule, refetchInterval: 30_000 });

/** The newest run, whoever started it; `null` where there is none. */
export const useLatestRun = () =>
  useQuery({
    queryKey: keys.latestRun,
    queryFn: async () => (await getRuns(1)).runs[0] ?? null,
    refetchInterval: 5_000,
  });

export const useCorrections = () =>
  useInfiniteQuery({
    queryKey: keys.corrections,
    queryFn: ({ pageParam }) => getCorrections(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
  });

export const useCorrection = (id: string, enabled: boolean) =>
  useQuery({ queryKey: keys.correction(id), queryFn: () => getCorrection(id), enabled });
