/** The process of one import: decoding tens of thousands of files must not slow the answers of the API. */
import { setPriority } from 'node:os';
import { loadConfig } from '../config/env.js';
import { createLogger } from '../config/log.js';
import { PHANTOM_LABELS, phantomSet } from '../model/phantoms.js';
import { openGeneratedSource } from '../storage/import/generated-source.js';
import { openZipSource } from '../storage/import/zip-source.js';
import type { ImportEntry, ImportSource } from '../storage/types.js';
import { composeDecoder, composeStorage } from './compose.js';
import { toApiError } from './errors.js';
import { importJobSchema, type ImportMessage } from './import-messages.js';
import type { ImportJob } from './ports.js';

const NICENESS = 10;
/** Enough to train a usable model in a minute. */
const DEMO_PER_CLASS = 200;
const DEMO_SEED = 1;

async function* phantoms(): AsyncIterable<ImportEntry> {
  for await (const { name, label, png } of phantomSet(DEMO_PER_CLASS, DEMO_SEED)) {
    yield { name, label, bytes: png };
  }
}

function sourceOf(job: ImportJob): ImportSource | Promise<ImportSource> {
  return job.kind === 'archive'
    ? openZipSource(job.path, { name: job.name })
    : openGeneratedSource('demo phantoms', PHANTOM_LABELS, PHANTOM_LABELS.length * DEMO_PER_CLASS, phantoms);
}

function tell(message: ImportMessage): Promise<void> {
  return new Promise((resolve) => {
    // Without a parent there is nobody to import for.
    if (process.send)
      process.send(message, () => {
        resolve();
      });
    else resolve();
  });
}

async function importOnce(value: unknown): Promise<void> {
  const config = loadConfig();
  const log = createLogger('import', config.values.MEDLOOP_LOG_LEVEL);
  try {
    const job = importJobSchema.parse(value);
    const storage = composeStorage(config, composeDecoder(config), log);
    await storage.objects.ensureBucket();
    const report = await storage.imports.run(await sourceOf(job), (progress) => {
      void tell({ type: 'progress', progress });
    });
    await tell({ type: 'report', report: JSON.parse(JSON.stringify(report)) as never });
    storage.close();
  } catch (error) {
    const failure = toApiError(error);
    log.warn({ code: failure.code, err: error }, 'import failed');
    await tell({ type: 'failed', code: failure.code, message: failure.message });
  }
  process.exit(0);
}

setPriority(NICENESS);
process.once('message', (value) => {
  void importOnce(value);
});
process.once('disconnect', () => {
  process.exit(1);
});
void tell({ type: 'ready' });
