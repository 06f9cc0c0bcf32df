/**
 * The only file that names keys of the bucket. No key is ever the folder of another, and no two keys differ in case
 * only, so that servers on plain files can keep them.
 */
import type { Sha256 } from '../model/types.js';
import { mirrored, parseId, parseSnapshotId } from './ids.js';
import type { CheckpointRef, CorrectionId, ModelFilesRef, SnapshotId } from './types.js';

/** What one object of the journal is about. */
export type EventKind = 'correction' | 'review';

const EVENTS = 'corrections/events/';
const DOSSIERS = 'corrections/dossiers/';
const SNAPSHOTS = 'snapshots/';
/** Leading digits of a mirrored id that name its folder: one for every 9.3 hours. */
const EVENT_FOLDER_DIGITS = 5;
const CLAIM_DIGITS = 6;

const shard = (sha256: string): string => `${sha256.slice(0, 2)}/${sha256}`;

export const imageKey = (sha256: Sha256): string => `images/${shard(sha256)}`;
export const archiveKey = (sha256: Sha256): string => `archives/${sha256}.zip`;

// --- the journal: every correction and review, newest first

export const eventsPrefix = EVENTS;

/** Mirrored, because S3 lists upwards only: the newest events come first. */
export function eventKey(kind: EventKind, id: CorrectionId): string {
  return `${eventPath(id)}-${kind}.json`;
}

/** Everything that lists after this is older than the id. */
export function olderThanKey(id: CorrectionId): string {
  return `${eventPath(id)}~`;
}

function eventPath(id: CorrectionId): string {
  const mirror = mirrored(id);
  return `${EVENTS}${mirror.slice(0, EVENT_FOLDER_DIGITS)}/${mirror}`;
}

/** Null for a key that no event has. */
export function parseEventKey(key: string): { kind: EventKind; id: CorrectionId } | null {
  const match = /\/([0-9A-Z]{26})-(correction|review)\.json$/.exec(key);
  const [, mirror, kind] = match ?? [];
  if (mirror === undefined || kind === undefined) return null;
  const id = parseId(mirrored(mirror));
  return id === null ? null : { kind: kind as EventKind, id };
}

// --- the dossier of an image: what each person said about it, and the reviews

export const dossierPrefix = (sha256: Sha256): string => `${DOSSIERS}${shard(sha256)}/`;

export const claimPrefix = (sha256: Sha256, author: Sha256): string =>
  `${dossierPrefix(sha256)}claim-${author.slice(0, 32)}-`;

export const claimKey = (sha256: Sha256, author: Sha256, position: number): string =>
  `${claimPrefix(sha256, author)}${String(position).padStart(CLAIM_DIGITS, '0')}.json`;

export const reviewKey = (sha256: Sha256, review: CorrectionId, correction: CorrectionId): string =>
  `${dossierPrefix(sha256)}review-${review}-${correction}.json`;

export type DossierEntry =
  | { readonly type: 'claim'; readonly author: string; readonly position: number }
  | { readonly type: 'review'; readonly id: CorrectionId; readonly correction: CorrectionId };

/** Null for a key that no dossier has. */
export function parseDossierKey(key: string): DossierEntry | null {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const claim = /^claim-([0-9a-f]{32})-([0-9]{6})\.json$/.exec(name);
  if (claim?.[1] !== undefined && claim[2] !== undefined) {
    return { type: 'claim', author: claim[1], position: Number(claim[2]) };
  }
  const review = /^review-([0-9A-Z]{26})-([0-9A-Z]{26})\.json$/.exec(name);
  const id = parseId(review?.[1] ?? '');
  const correction = parseId(review?.[2] ?? '');
  return id === null || correction === null ? null : { type: 'review', id, correction };
}

// --- snapshots and their parts

export const snapshotsPrefix = SNAPSHOTS;
export const snapshotKey = (id: SnapshotId): string => `${SNAPSHOTS}${id}.json`;

/** Null for a key that no snapshot has. */
export function parseSnapshotKey(key: string): SnapshotId | null {
  return key.startsWith(SNAPSHOTS) && key.endsWith('.json')
    ? parseSnapshotId(key.slice(SNAPSHOTS.length, -'.json'.length))
    : null;
}

/** Says which snapshot a caller's idempotency key made. */
export const madeKey = (keyDigest: Sha256): string => `snapshot-keys/${keyDigest}.json`;

export const partImagesKey = (digest: Sha256): string => `parts/${digest}.npy`;
export const partIndexKey = (digest: Sha256): string => `parts/${digest}.jsonl`;

// --- files of one run

const runPrefix = (runId: string): string => `runs/${runId}/`;

export const latestCheckpointKey = (runId: string): string => `${runPrefix(runId)}latest.json`;
export const checkpointsPrefix = (runId: string): string => `${runPrefix(runId)}checkpoints/`;

export const checkpointPrefix = (ref: CheckpointRef): string =>
  `${checkpointsPrefix(ref.runId)}${String(ref.attempt).padStart(6, '0')}-${String(ref.step).padStart(10, '0')}/`;

/** Null for a key that no checkpoint's file has. */
export function parseCheckpointKey(runId: string, key: string): CheckpointRef | null {
  const prefix = checkpointsPrefix(runId);
  const match = key.startsWith(prefix) ? /^([0-9]{6})-([0-9]{10})\//.exec(key.slice(prefix.length)) : null;
  return match === null ? null : { runId, attempt: Number(match[1]), step: Number(match[2]) };
}

export const modelPrefix = (ref: ModelFilesRef): string => `${runPrefix(ref.runId)}model/${ref.digest}/`;
export const documentKey = (runId: string, name: string): string =>
  `${runPrefix(runId)}documents/${name}.json`;

/** Written last: files below a prefix count only when its manifest is there. */
export const manifestKey = (prefix: string): string => `${prefix}manifest.json`;
export const fileKey = (prefix: string, path: string): string => `${prefix}files/${path}`;
