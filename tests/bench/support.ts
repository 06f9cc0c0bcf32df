/** What the measurements share: the whole data set in a real S3 server, and tables. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isExam, sha256Of, splitOf } from '../../model/labels.js';
import { createPreprocessor } from '../../model/preprocess.js';
import { openZipSource } from '../../storage/import/zip-source.js';
import { openStorage, type Storage } from '../../storage/open.js';
import type { ImportReport } from '../../storage/types.js';
import { fullZipPath } from '../support/data.js';
import { startS3 } from '../support/parts.js';

export interface Bench {
  readonly storage: Storage;
  readonly folder: string;
  importAll(): Promise<{ report: ImportReport; seconds: number }>;
  close(): Promise<void>;
}

/** A storage on an S3 server of its own, for the full data set beside the repository. */
export async function openBench(): Promise<Bench> {
  const zip = fullZipPath();
  if (zip === null)
    throw new Error('medical-mnist.zip is not beside the repository (../shared/data); nothing to measure');
  const folder = await mkdtemp(join(tmpdir(), 'medloop-bench-'));
  const s3 = await startS3();
  const storage = openStorage({
    s3: {
      endpoint: s3.url,
      region: s3.region,
      bucket: s3.bucket,
      fsyncRoot: s3.fsyncRoot,
      ...s3.credentials,
    },
    decode: createPreprocessor({ maxBytes: 20_000_000, maxPixels: 25_000_000 }).toModelInput,
    splitOf,
    isExam,
    sha256Of,
    cacheFolder: join(folder, 'cache'),
  });
  return {
    storage,
    folder,
    async importAll() {
      const startedAt = performance.now();
      const report = await storage.imports.run(await openZipSource(zip), () => undefined);
      return { report, seconds: (performance.now() - startedAt) / 1000 };
    },
    async close() {
      storage.close();
      await s3.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Prints a table of two columns, headed by the machine and the day. */
export function printFigures(rows: readonly (readonly [string, string])[]): void {
  const processors = cpus();
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${processors.length} cores, ${processors[0]?.model ?? 'unknown'}`,
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
}
