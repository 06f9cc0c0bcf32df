/** The journal of corrections and reviews, newest first: listing costs what is listed and never history. */
import type { CorrectionId, ObjectStore } from './types.js';
import { eventsPrefix, olderThanKey, parseEventKey, type EventKind } from './keys.js';

export interface JournalEntry {
  readonly kind: EventKind;
  readonly id: CorrectionId;
}

/** Entries from the newest on, or from the newest one older than `olderThan`. */
export async function* newestFirst(
  objects: ObjectStore,
  olderThan: CorrectionId | null = null,
): AsyncIterable<JournalEntry> {
  const startAfter = olderThan === null ? undefined : olderThanKey(olderThan);
  for await (const { key } of objects.list(eventsPrefix, startAfter)) {
    const entry = parseEventKey(key);
    if (entry !== null) yield entry;
  }
}

/** Entries from `since` on (inclusive; null for all), oldest first. */
export async function entriesSince(
  objects: ObjectStore,
  since: CorrectionId | null,
): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const entry of newestFirst(objects)) {
    if (since !== null && entry.id < since) break;
    entries.push(entry);
  }
  return entries.reverse();
}
