/** The room put together: every store on one bucket, sharing one view of the snapshots and one cache. */
import { join } from 'node:path';
import type { Sha256, Split } from '../model/types.js';
import { createBaseIndex } from './base-index.js';
import { createChain } from './chain.js';
import { createCorrectionStore } from './corrections.js';
import { createImportService } from './import/service.js';
import { createObjectStore, type ClosableObjectStore, type ObjectStoreSettings } from './object-store.js';
import { createPartReader } from './parts.js';
import { createRunFiles } from './run-files.js';
import { createSnapshotStore } from './snapshots.js';
import type { CorrectionStore, ImageDecoder, ImportService, RunFiles, SnapshotStore } from './types.js';

export interface StorageSettings {
  readonly s3: ObjectStoreSettings;
  readonly decode: ImageDecoder;
  readonly splitOf: (sha256: Sha256) => Split;
  readonly isExam: (sha256: Sha256) => boolean;
  readonly sha256Of: (bytes: Uint8Array | string) => Sha256;
  /** Parts and their indexes are kept here between calls and processes; null keeps none. */
  readonly cacheFolder: string | null;
  /** Images decoded at a time by an import; the number of cores where not given. */
  readonly concurrency?: number;
  /** Now, in ms since 1970. */
  readonly clock?: () => number;
}

export interface Storage {
  readonly objects: ClosableObjectStore;
  readonly corrections: CorrectionStore;
  readonly snapshots: SnapshotStore;
  readonly imports: ImportService;
  readonly runFiles: RunFiles;
  close(): void;
}

/** Opens no connection yet. */
export function openStorage(settings: StorageSettings): Storage {
  const objects = createObjectStore(settings.s3);
  return {
    ...storesOn(objects, settings),
    objects,
    close: () => {
      objects.close();
    },
  };
}

/** The stores on a given object store. */
export function storesOn(
  objects: ClosableObjectStore,
  settings: Omit<StorageSettings, 's3'>,
): Omit<Storage, 'objects' | 'close'> {
  const { decode, splitOf, isExam, sha256Of } = settings;
  const cacheFolder = settings.cacheFolder === null ? null : join(settings.cacheFolder, 'parts');
  const clock = settings.clock ?? Date.now;
  const chain = createChain(objects);
  const reader = createPartReader(objects, cacheFolder);
  const base = createBaseIndex(chain, reader);
  return {
    corrections: createCorrectionStore({
      ...{ objects, sha256Of, clock },
      isGolden: (sha256) => base.isGolden(sha256),
    }),
    snapshots: createSnapshotStore({
      ...{ objects, chain, base, reader, decode, isExam, sha256Of, cacheFolder, clock },
    }),
    imports: createImportService({
      ...{ objects, chain, base, decode, splitOf, sha256Of, clock },
      spoolFolder: cacheFolder,
      ...(settings.concurrency === undefined ? {} : { concurrency: settings.concurrency }),
    }),
    runFiles: createRunFiles({ objects }),
  };
}
