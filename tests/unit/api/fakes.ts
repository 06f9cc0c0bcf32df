/** Storage and registry in memory, each with a switch that takes it down, for the API's own logic. */
import { ulid } from 'ulid';
import { StorageError } from '../../../storage/errors.js';
import type {
  Correction,
  CorrectionId,
  CorrectionStore,
  ModelRegistry,
  ModelVersion,
  RegisteredVersion,
  Snapshot,
  SnapshotId,
  SnapshotStore,
} from '../../../storage/types.js';
import { sha256Of } from '../../../model/labels.js';

/** `ok` answers, `down` fails at once, `hanging` never answers. */
export type Mood = 'ok' | 'down' | 'hanging';

export class Switch {
  mood: Mood = 'ok';
  constructor(private readonly failure: () => Error) {}
  async pass(): Promise<void> {
    if (this.mood === 'down') throw this.failure();
    if (this.mood === 'hanging') await new Promise<never>(() => undefined);
  }
}

const s3Down = () => new StorageError('S3_UNREACHABLE', 'connect ECONNREFUSED /tmp/secret 10.0.0.1:9000');
const mlflowDown = () => new StorageError('MLFLOW_UNREACHABLE', 'connect ECONNREFUSED 10.0.0.1:5000');

export function fakeCorrections() {
  const gate = new Switch(s3Down);
  const kept: Correction[] = [];
  const images = new Map<string, Uint8Array>();
  const store: CorrectionStore = {
    async submit(submission) {
      await gate.pass();
      const sha256 = sha256Of(submission.bytes);
      const { label, author, contentType, predicted, comment } = submission;
      const before = kept.find(
        (one) => one.image.sha256 === sha256 && one.label === label && one.author === author,
      );
      if (before) return { correction: before, created: false };
      images.set(sha256, submission.bytes);
      const correction: Correction = {
        id: ulid() as CorrectionId,
        image: { sha256, contentType, sizeBytes: submission.bytes.length },
        label,
        author,
        submittedAt: new Date().toISOString(),
        predicted,
        comment,
        status: 'accepted',
        superseded: false,
        review: null,
        golden: false,
      };
      kept.push(correction);
      return { correction, created: true };
    },
    async get(id) {
      await gate.pass();
      return kept.find((one) => one.id === id) ?? null;
    },
    async list({ limit, cursor, label, author, status }) {
      await gate.pass();
      const found = [...kept]
        .reverse()
        .filter((one) => label === undefined || one.label === label)
        .filter((one) => author === undefined || one.author === author)
        .filter((one) => status === undefined || one.status === status);
      const start = cursor === undefined ? 0 : Number(cursor);
      const next = start + limit < found.length ? String(start + limit) : null;
      return { corrections: found.slice(start, start + limit), nextCursor: next };
    },
    async review(id, decision, reviewer) {
      await gate.pass();
      const index = kept.findIndex((one) => one.id === id);
      const before = kept[index];
      if (!before) throw new StorageError('CORRECTION_NOT_FOUND', `There is no correction ${id}.`);
      const after: Correction = {
        ...before,
        status: decision === 'accept' ? 'accepted' : 'rejected',
        review: { decision, reviewer, reviewedAt: new Date().toISOString() },
      };
      kept[index] = after;
      return after;
    },
    async image(sha256) {
      await gate.pass();
      const body = images.get(sha256);
      if (!body) throw new StorageError('OBJECT_MISSING', 'There is no such image.');
      return { body, etag: '"x"', contentType: 'text/html' };
    },
  };
  return { store, gate, kept, images, ping: () => gate.pass() };
}

export function snapshot(id: string, labels: readonly string[], change: Partial<Snapshot> = {}): Snapshot {
  const none = Object.fromEntries(labels.map((label) => [label, 0]));
  return {
    id: id as SnapshotId,
    parent: null,
    kind: 'import',
    digest: sha256Of(id),
    createdAt: '2026-01-05T03:00:00.000Z',
    createdBy: 'test',
    labels,
    synthetic: false,
    parts: [],
    corrections: [],
    counts: { train: none, validation: none, golden: none, exam: none },
    cursor: null,
    replacesBase: false,
    source: { name: 'demo', archive: null },
    ...change,
  };
}

export function fakeSnapshots(labels: readonly string[]) {
  const gate = new Switch(s3Down);
  /** Newest first. */
  const chain: Snapshot[] = [snapshot('00000001', labels)];
  const taken = new Map<CorrectionId, Snapshot>();
  const store: SnapshotStore = {
    async head() {
      await gate.pass();
      return chain[0] ?? null;
    },
    async get(id) {
      await gate.pass();
      return chain.find((one) => one.id === id) ?? null;
    },
    async list(limit) {
      await gate.pass();
      return chain.slice(0, limit);
    },
    async snapshotOf(id) {
      await gate.pass();
      return taken.get(id) ?? null;
    },
    takeCorrections: () => Promise.reject(new Error('not for the API')),
    materialize: () => Promise.reject(new Error('not for the API')),
  };
  return { store, gate, chain, taken };
}

export function version(number: string, change: Partial<RegisteredVersion> = {}): RegisteredVersion {
  return {
    version: number as ModelVersion,
    aliases: [],
    createdAt: '2026-01-05T03:10:00.000Z',
    labels: ['AbdomenCT', 'BreastMRI', 'CXR', 'ChestCT', 'Hand', 'HeadCT'],
    snapshot: '00000001' as SnapshotId,
    snapshotDigest: 'd'.repeat(64),
    synthetic: false,
    runId: 'a'.repeat(32),
    workflowRunId: `run-${number}`,
    verdict: 'promote',
    metrics: { golden_accuracy: 0.99 },
    mode: 'warm',
    ...change,
  };
}

export function fakeRegistry() {
  const gate = new Switch(mlflowDown);
  /** Newest first. */
  const versions: RegisteredVersion[] = [];
  let prod: string | null = null;
  let downloads = 0;
  let download: (version: string, folder: string) => Promise<void> = () => Promise.resolve();
  const unused = () => Promise.reject(new Error('not for the API'));
  const registry: ModelRegistry = {
    ensure: unused,
    register: unused,
    promote: unused,
    async byAlias(alias) {
      await gate.pass();
      return alias === 'prod' ? (versions.find((one) => one.version === prod) ?? null) : null;
    },
    async get(number) {
      await gate.pass();
      return versions.find((one) => one.version === number) ?? null;
    },
    async list(limit) {
      await gate.pass();
      return versions.slice(0, limit);
    },
    async download(number, folder) {
      await gate.pass();
      downloads += 1;
      await download(number, folder);
    },
    ping: () => gate.pass(),
    pageUrl: (number) => `http://127.0.0.1:5000/#/models/medical-mnist/versions/${number}`,
  };
  return {
    registry,
    gate,
    versions,
    downloads: () => downloads,
    setProd(number: string | null) {
      prod = number;
    },
    onDownload(action: typeof download) {
      download = action;
    },
  };
}
