/** The activities on a real S3 server with a small imported data set, and trainers that tests choose. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composePorts, type ActivitySettings } from '../../../activities/compose.js';
import type { ActivityPorts } from '../../../activities/ports.js';
import type { TrainInput } from '../../../activities/types.js';
import { inheritedEnvironment } from '../../../config/env.js';
import { isExam, sha256Of, splitOf } from '../../../model/labels.js';
import { PHANTOM_LABELS, phantomSet } from '../../../model/phantoms.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { openGeneratedSource } from '../../../storage/import/generated-source.js';
import { openStorage, type Storage } from '../../../storage/open.js';
import type { ModelFilesRef, SnapshotId } from '../../../storage/types.js';
import { startS3, type TestS3 } from '../../support/parts.js';

const LIMITS = { maxBytes: 20_000_000, maxPixels: 25_000_000 };

export interface Rig {
  readonly s3: TestS3;
  readonly ports: ActivityPorts;
  readonly storage: Storage;
  /** Every trainer that was started, oldest first. */
  readonly trainers: ChildProcess[];
  /** Imports `perClass` phantoms of each class. */
  importPhantoms(perClass: number, seed?: number): Promise<SnapshotId>;
  /** Ports whose trainers run in the given modes of the fake one, one after the other; the last repeats. */
  faking(...modes: (readonly string[])[]): ActivityPorts;
  /** Names left in the folder for running steps. */
  leftovers(): Promise<string[]>;
  /** A file of a trained model. */
  modelFile(ref: ModelFilesRef, name: string): Promise<string>;
  close(): Promise<void>;
}

export async function openRig(settings: Partial<ActivitySettings> = {}): Promise<Rig> {
  const s3 = await startS3();
  const cacheFolder = await mkdtemp(join(tmpdir(), 'medloop-activities-'));
  const objects = { endpoint: s3.url, region: s3.region, bucket: s3.bucket, ...s3.credentials };
  const { ports, close } = composePorts({
    model: 'medical-mnist',
    s3: { ...objects, fsyncRoot: s3.fsyncRoot },
    mlflow: { url: 'http://127.0.0.1:9' },
    ...{ cacheFolder, threads: 1, niceness: 5, imageLimits: LIMITS, servingUrls: [] },
    environment: inheritedEnvironment(),
    ...settings,
  });
  const storage = openStorage({
    s3: { ...objects, fsyncRoot: null },
    decode: createPreprocessor(LIMITS).toModelInput,
    ...{ splitOf, isExam, sha256Of, cacheFolder },
  });
  const trainers: ChildProcess[] = [];
  return {
    ...{ s3, ports, storage, trainers },
    importPhantoms: async (perClass, seed = 1) => {
      const source = openGeneratedSource('phantoms', PHANTOM_LABELS, perClass * 6, async function* () {
        for await (const { name, label, png } of phantomSet(perClass, seed)) {
          yield { name, label, bytes: png };
        }
      });
      return (await storage.imports.run(source, () => undefined)).snapshot;
    },
    faking: (...modes) => ({
      ...ports,
      trainerTimes: { beatMs: 20, stopMs: 5000, silenceMs: 30_000, saveMs: 60_000 },
      spawnTrainer: () => {
        const mode = modes.length > 1 ? modes.shift() : modes[0];
        const script = fileURLToPath(new URL('./fake-trainer.js', import.meta.url));
        const child = fork(script, [...(mode ?? [])], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
        trainers.push(child);
        return child;
      },
    }),
    leftovers: () => readdir(join(cacheFolder, 'work')).catch(() => []),
    modelFile: async (ref, name) => {
      const folder = await mkdtemp(join(tmpdir(), 'medloop-model-'));
      try {
        await storage.runFiles.fetchModel(ref, folder);
        return await readFile(join(folder, name), 'utf8');
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    close: async () => {
      close();
      storage.close();
      await s3.stop();
      await rm(cacheFolder, { recursive: true, force: true });
    },
  };
}

/** A training of 60 steps of the fake trainer, with a checkpoint about every 10. */
export function trainInput(snapshot: SnapshotId, change: Partial<TrainInput> = {}): TrainInput {
  return {
    model: 'medical-mnist',
    snapshot,
    championVersion: null,
    settings: { mode: 'full', seed: 1, epochs: 60, batchSize: 8, learningRate: 0.01 },
    checkpointEveryMs: 50,
    ...change,
  };
}
