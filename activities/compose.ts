/** All activities from one plain object of addresses, keys, folders and limits: what a worker's entry calls. */
import { join } from 'node:path';
import { isExam, sha256Of, splitOf } from '../model/labels.js';
import { createPreprocessor } from '../model/preprocess.js';
import { trainerEnvironment } from '../model/training/environment.js';
import { snapshotKey } from '../storage/keys.js';
import type { ObjectStoreSettings } from '../storage/object-store.js';
import { openStorage } from '../storage/open.js';
import type { MlflowAuth } from '../storage/registry/mlflow-http.js';
import { createModelRegistry } from '../storage/registry/registry.js';
import { createEvaluateModel } from './evaluate-model.js';
import { guarded } from './failures.js';
import { TRAINER_TIMES } from './ports.js';
import type { ActivityPorts } from './ports.js';
import { createPromoteModel } from './promote-model.js';
import { createRegisterModel } from './register-model.js';
import { createSnapshotCorrections } from './snapshot-corrections.js';
import { createTrainModel } from './training/activity.js';
import { createTrainerSpawner } from './training/spawn.js';
import type { ControlActivities, TrainingActivities } from './types.js';
import { createVerifyServing, probeServing } from './verify-serving.js';

export interface ActivitySettings {
  /** Name of the registered model and of the experiment. */
  readonly model: string;
  readonly s3: ObjectStoreSettings;
  readonly mlflow: { readonly url: string; readonly auth?: MlflowAuth };
  /** Absolute; parts, data sets and work folders are kept below it. */
  readonly cacheFolder: string;
  /** Threads of the trainer and of the evaluation. */
  readonly threads: number;
  /** Niceness of the trainer, 0 to 19. */
  readonly niceness: number;
  /** Of a corrected image; at least what the API accepts. */
  readonly imageLimits: { readonly maxBytes: number; readonly maxPixels: number };
  /** Addresses of every API that must serve a promoted version. */
  readonly servingUrls: readonly string[];
  /** The worker's own environment, which the trainer inherits without addresses and keys. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger?: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** Every port, not yet connected to anything. */
export function composePorts(settings: ActivitySettings): { ports: ActivityPorts; close: () => void } {
  const { logger, cacheFolder, s3 } = settings;
  const storage = openStorage({
    s3: logger === undefined ? s3 : { ...s3, logger },
    decode: createPreprocessor(settings.imageLimits).toModelInput,
    ...{ splitOf, isExam, sha256Of, cacheFolder },
  });
  const registry = createModelRegistry({ ...settings.mlflow, model: settings.model, logger });
  const ports: ActivityPorts = {
    snapshots: storage.snapshots,
    runFiles: storage.runFiles,
    registry,
    datasetsFolder: join(cacheFolder, 'datasets'),
    workFolder: join(cacheFolder, 'work'),
    threads: settings.threads,
    spawnTrainer: createTrainerSpawner({
      script: new URL('./training/child.js', import.meta.url),
      environment: { ...settings.environment, ...trainerEnvironment(settings.threads) },
      niceness: settings.niceness,
    }),
    trainerTimes: TRAINER_TIMES,
    probe: probeServing,
    servingUrls: settings.servingUrls,
    snapshotUri: (id) => `s3://${s3.bucket}/${snapshotKey(id)}`,
  };
  return {
    ports,
    close: () => {
      storage.close();
    },
  };
}

/** The activities of both queues over given ports. */
export function activitiesOn(ports: ActivityPorts): {
  control: ControlActivities;
  training: TrainingActivities;
} {
  return {
    control: {
      snapshotCorrections: guarded(createSnapshotCorrections(ports)),
      registerModel: guarded(createRegisterModel(ports)),
      promoteModel: guarded(createPromoteModel(ports)),
      verifyServing: guarded(createVerifyServing(ports)),
    },
    training: {
      trainModel: guarded(createTrainModel(ports)),
      evaluateModel: guarded(createEvaluateModel(ports)),
    },
  };
}

/** What a worker registers. Opens no connection yet; `close` frees those that the activities made. */
export function composeActivities(settings: ActivitySettings): {
  control: ControlActivities;
  training: TrainingActivities;
  close: () => void;
} {
  const { ports, close } = composePorts(settings);
  return { ...activitiesOn(ports), close };
}
