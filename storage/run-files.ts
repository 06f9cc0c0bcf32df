/** Working files of one retrain: checkpoints with a pointer to the latest, the trained model, small documents. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import type { Sha256 } from '../model/types.js';
import { StorageError } from './errors.js';
import { findDocument, hasCode, readDocument } from './json.js';
import {
  checkpointPrefix,
  checkpointsPrefix,
  documentKey,
  fileKey,
  latestCheckpointKey,
  manifestKey,
  modelPrefix,
  parseCheckpointKey,
} from './keys.js';
import { digestIfThere, digestOfFile, filesBelow } from './local-files.js';
import type { CheckpointRef, ObjectStore, RunFiles } from './types.js';

const PARALLEL = 4;
const POINTER_ATTEMPTS = 20;
/** The latest and the one before it, which a reader may still be fetching. */
const KEPT_CHECKPOINTS = 2;
const RUN_ID = /^[A-Za-z0-9_-]{1,200}$/;
const DOCUMENT_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

const filesSchema = z.object({
  files: z.array(z.object({ path: z.string(), sha256: z.string(), sizeBytes: z.number() })),
});
type Files = z.output<typeof filesSchema>['files'];
const pointerSchema = z.object({ attempt: z.int(), step: z.int() });

export function createRunFiles({ objects }: { readonly objects: ObjectStore }): RunFiles {
  async function uploadFiles(prefix: string, folder: string, files: Files): Promise<void> {
    const limit = pLimit(PARALLEL);
    await Promise.all(
      files.map(({ path }) => limit(() => objects.putFile(fileKey(prefix, path), join(folder, path)))),
    );
    await objects.put(manifestKey(prefix), JSON.stringify({ files }), { contentType: 'application/json' });
  }

  async function fetchFiles(prefix: string, folder: string): Promise<Files> {
    const { value } = await readDocument(objects, manifestKey(prefix), filesSchema);
    const limit = pLimit(PARALLEL);
    await Promise.all(
      value.files.map(({ path, sha256 }) =>
        limit(async () => {
          const target = join(folder, assertInside(path));
          if ((await digestIfThere(target)) === sha256) return;
          await objects.getFile(fileKey(prefix, path), target);
          if ((await digestOfFile(target)) !== sha256) {
            throw new StorageError('OBJECT_CORRUPT', `${fileKey(prefix, path)} does not have its digest.`);
          }
        }),
      ),
    );
    return value.files;
  }

  /** False when the pointer is already there or further on. */
  async function advance(ref: CheckpointRef): Promise<boolean> {
    const key = latestCheckpointKey(ref.runId);
    const body = JSON.stringify({ attempt: ref.attempt, step: ref.step });
    for (let attempt = 0; attempt < POINTER_ATTEMPTS; attempt += 1) {
      const current = await findDocument(objects, key, pointerSchema);
      if (current !== null && current.value.attempt > ref.attempt) {
        throw new StorageError(
          'ATTEMPT_OVERTAKEN',
          `Attempt ${current.value.attempt} of run ${ref.runId} has taken over from attempt ${ref.attempt}.`,
        );
      }
      if (current !== null && current.value.attempt === ref.attempt && current.value.step >= ref.step) {
        return false;
      }
      try {
        await objects.put(key, body, {
          contentType: 'application/json',
          ...(current === null ? { ifAbsent: true } : { ifMatch: current.etag }),
        });
        return true;
      } catch (error) {
        if (!hasCode(error, 'OBJECT_EXISTS') && !hasCode(error, 'OBJECT_CHANGED')) throw error;
      }
    }
    throw new StorageError('OBJECT_CHANGED', `The checkpoints of run ${ref.runId} change all the time.`);
  }

  async function latest(runId: string): Promise<CheckpointRef | null> {
    const found = await findDocument(objects, latestCheckpointKey(assertRunId(runId)), pointerSchema);
    return found === null ? null : { runId, ...found.value };
  }

  async function removeCheckpoints(runId: string, remove: (ref: CheckpointRef) => boolean): Promise<void> {
    const doomed: string[] = [];
    for await (const { key } of objects.list(checkpointsPrefix(runId))) {
      const ref = parseCheckpointKey(runId, key);
      if (ref !== null && remove(ref)) doomed.push(key);
    }
    // Manifests first, so that no checkpoint ever looks whole and is not.
    doomed.sort((a, b) => Number(b.endsWith('/manifest.json')) - Number(a.endsWith('/manifest.json')));
    for (const key of doomed) await objects.remove(key);
  }

  async function removeOldCheckpoints(newest: CheckpointRef): Promise<void> {
    const refs = new Map<string, CheckpointRef>();
    for await (const { key } of objects.list(checkpointsPrefix(newest.runId))) {
      const ref = parseCheckpointKey(newest.runId, key);
      if (ref !== null && !isBefore(newest, ref)) refs.set(checkpointPrefix(ref), ref);
    }
    const sorted = [...refs.values()].sort((a, b) => (isBefore(a, b) ? 1 : -1));
    const old = new Set(sorted.slice(KEPT_CHECKPOINTS).map(checkpointPrefix));
    if (old.size > 0) await removeCheckpoints(newest.runId, (ref) => old.has(checkpointPrefix(ref)));
  }

  return {
    async saveCheckpoint(runId, attempt, step, folder) {
      const ref = { runId: assertRunId(runId), attempt, step };
      const current = await latest(runId);
      if (current !== null && current.attempt > attempt) await advance(ref);
      await uploadFiles(checkpointPrefix(ref), folder, await describe(folder));
      if (await advance(ref)) await removeOldCheckpoints(ref);
      return ref;
    },

    latestCheckpoint: latest,

    async fetchCheckpoint(ref, folder) {
      assertRunId(ref.runId);
      await fetchFiles(checkpointPrefix(ref), folder);
    },

    async saveModel(runId, folder) {
      const files = await describe(folder);
      const ref = { runId: assertRunId(runId), digest: digestOf(files) };
      const prefix = modelPrefix(ref);
      if (!(await objects.has(manifestKey(prefix)))) await uploadFiles(prefix, folder, files);
      return ref;
    },

    async fetchModel(ref, folder) {
      assertRunId(ref.runId);
      const files = await fetchFiles(modelPrefix(ref), folder);
      if (digestOf(files) !== ref.digest) {
        throw new StorageError('OBJECT_CORRUPT', `The model of run ${ref.runId} does not have its digest.`);
      }
    },

    async saveDocument(runId, name, document) {
      const body = JSON.stringify(document);
      const key = documentKey(assertRunId(runId), assertName(name));
      await objects.put(key, body, { contentType: 'application/json' });
    },

    async readDocument(runId, name) {
      return (await readDocument(objects, documentKey(assertRunId(runId), assertName(name)), z.unknown()))
        .value;
    },

    async dropCheckpoints(runId) {
      await objects.remove(latestCheckpointKey(assertRunId(runId)));
      await removeCheckpoints(runId, () => true);
    },
  };
}

function isBefore(one: CheckpointRef, other: CheckpointRef): boolean {
  return one.attempt === other.attempt ? one.step < other.step : one.attempt < other.attempt;
}

async function describe(folder: string): Promise<Files> {
  const paths = await filesBelow(folder);
  return Promise.all(
    paths.map(async (path) => {
      const { size } = await stat(join(folder, path));
      return { path, sha256: await digestOfFile(join(folder, path)), sizeBytes: size };
    }),
  );
}

function digestOf(files: Files): Sha256 {
  const text = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('');
  return createHash('sha256').update(text).digest('hex') as Sha256;
}

function assertRunId(runId: string): string {
  if (!RUN_ID.test(runId))
    throw new RangeError('A run id has letters, digits, hyphens and underscores only.');
  return runId;
}

function assertName(name: string): string {
  if (!DOCUMENT_NAME.test(name)) throw new RangeError('The name of a document is not usable as a file name.');
  return name;
}

/** Names come from an object: one that leads elsewhere must not be written to. */
function assertInside(path: string): string {
  const normal = posix.normalize(path);
  if (normal !== path || posix.isAbsolute(path) || path === '..' || path.startsWith('../')) {
    throw new StorageError('OBJECT_CORRUPT', 'A manifest names a file outside of its folder.');
  }
  return path;
}
