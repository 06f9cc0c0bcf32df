/** Whether the API answered the last request: one flag that the whole page can watch. */
import { useSyncExternalStore } from 'react';

let reachable = true;
const listeners = new Set<() => void>();

/** Told by every request whether the server answered at all. */
export function reportReachable(now: boolean): void {
  if (now === reachable) return;
  reachable = now;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True while the server answers. */
export function useReachable(): boolean {
  return useSyncExternalStore(subscribe, () => reachable);
}
