/** The one session of this page and its view in React. */
import { useSyncExternalStore } from 'react';
import { predict, sendCorrection } from '../client/endpoints.js';
import { ClassifySession, isUnsent, type Item } from './session.js';

export const session = new ClassifySession({ predict, sendCorrection });

// Leaving with something unsaid loses it: the browser asks first.
window.addEventListener('beforeunload', (event) => {
  if (session.items().some(isUnsent)) event.preventDefault();
});

export function useItems(): readonly Item[] {
  return useSyncExternalStore(session.subscribe, session.items);
}
