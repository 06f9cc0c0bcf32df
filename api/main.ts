/** The API process: composes the parts, listens, says that it is ready, and stops within ten seconds when told. */
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectDefaultMetrics } from 'prom-client';
import { ConfigError, loadConfig, type Config } from '../config/env.js';
import { createLogger, type Logger } from '../config/log.js';
import { onStop } from '../config/stop.js';
import { projectRoot } from '../config/paths.js';
import type { Storage } from '../storage/open.js';
import { createTemporalClient } from '../temporal/client.js';
import { temporalSettings } from '../temporal/settings.js';
import { MODEL_NAME } from '../workflows/contract.js';
import { createApp } from './app.js';
import { composeDecoder, composeRegistry, composeStorage } from './compose.js';
import { isLoopback } from './http/guard.js';
import { createApiServer } from './http/server.js';
import { createImportRunner } from './import-runner.js';
import { createKnownLabels } from './labels.js';
import { createMetrics } from './metrics.js';
import type { AppPorts, AppSettings } from './ports.js';
import { openServingFolder } from './serving/files.js';
import { modelLoader } from './serving/load.js';
import { createPredictor } from './serving/predictor.js';
import { createSlot } from './serving/slot.js';
import { createWatcher } from './serving/watcher.js';

const DEADLINE_MS = 10_000;
/** Below what a promotion may take in all, so that the answer says how it ended. */
const PROMOTION_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 9_500;
/** Requests that are still running when the process is told to stop may take this long. */
const LAST_ANSWERS_MS = 4_000;
const ARCHIVE_BYTES = 8 * 2 ** 30;
const FILES = 32;
const MAX_BATCH = 32;
const MAX_WAITING = 256;

function settingsOf(config: Config): AppSettings {
  const { values, paths } = config;
  const fileBytes = values.MEDLOOP_MAX_UPLOAD_BYTES;
  const { version } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    version,
    hosts: [values.MEDLOOP_HOST],
    limits: {
      fileBytes,
      pixels: values.MEDLOOP_MAX_UPLOAD_PIXELS,
      files: FILES,
      requestBytes: Math.max(64_000_000, fileBytes),
      heldBytes: Math.max(200_000_000, 2 * fileBytes),
    },
    deadlineMs: DEADLINE_MS,
    promotionDeadlineMs: PROMOTION_LIMIT_MS + DEADLINE_MS,
    temporalUiUrl: config.temporalUiUrl,
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    mlflowUrl: config.mlflowUrl,
    webFolder: join(projectRoot(), 'dist', 'web'),
    uploadFolder: join(paths.cache, 'uploads'),
    archiveBytes: ARCHIVE_BYTES,
    eventsPollMs: 1_000,
    eventsHeartbeatMs: 15_000,
  };
}

/** The bucket may not be there yet, nor S3 itself. */
async function ensureBucket(storage: Storage, log: Logger, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      await storage.objects.ensureBucket();
      return;
    } catch (error) {
      log.warn({ err: error }, 'the bucket cannot be made sure of yet');
      await sleep(5_000, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/** @throws ConfigError where the address is in use or not this machine's */
async function listen(server: Server, config: Config): Promise<void> {
  const { MEDLOOP_HOST: host, MEDLOOP_PORT: port } = config.values;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const problem =
        error.code === 'EADDRINUSE'
          ? `MEDLOOP_PORT: port ${port} of ${host} is in use`
          : `MEDLOOP_HOST, MEDLOOP_PORT: cannot listen on ${host}:${port} (${error.code ?? error.message})`;
      reject(new ConfigError([problem]));
    });
    server.listen(port, host, resolve);
  });
}

async function serve(config: Config, log: Logger, stopping: AbortSignal): Promise<void> {
  const { values, paths } = config;
  if (!isLoopback(values.MEDLOOP_HOST)) {
    throw new ConfigError([
      `MEDLOOP_HOST: ${values.MEDLOOP_HOST} can be reached from other machines, and there are no accounts yet; use 127.0.0.1`,
    ]);
  }
  const settings = settingsOf(config);
  await rm(settings.uploadFolder, { recursive: true, force: true });
  await mkdir(paths.serving, { recursive: true });

  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  const decode = composeDecoder(config);
  const storage = composeStorage(config, decode, log);
  const registry = composeRegistry(config, log);
  const temporal = createTemporalClient({
    ...temporalSettings(config),
    versions: registry,
    promotionDeadlineMs: PROMOTION_LIMIT_MS,
  });
  const slot = createSlot((error) => {
    log.error({ err: error }, 'a replaced model could not be closed');
  });
  const watcher = createWatcher(
    {
      registry,
      folder: openServingFolder(paths.serving),
      load: modelLoader(1),
      slot,
      datasetLabels: () => createKnownLabels(slot, storage.snapshots).ofDataset(),
      metrics,
      log,
    },
    { pollMs: 2_000, maxPollMs: 15_000, retryMs: 30_000, maxRetryMs: 600_000 },
  );
  const ports: AppPorts = {
    settings,
    log,
    metrics,
    decode,
    slot,
    predictor: createPredictor(slot, decode, metrics, {
      modelName: MODEL_NAME,
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
    }),
    watcher,
    corrections: storage.corrections,
    snapshots: storage.snapshots,
    registry,
    temporal,
    objects: storage.objects,
    imports: createImportRunner(new URL('./import-child.js', import.meta.url)),
    stopping,
  };

  const server = createApiServer(createApp(ports));
  await watcher.restore();
  await listen(server, config);
  watcher.start();
  void ensureBucket(storage, log, stopping);
  log.info({ host: values.MEDLOOP_HOST, port: values.MEDLOOP_PORT }, 'api ready');
  process.send?.({ type: 'ready' });

  if (!stopping.aborted)
    await new Promise((resolve) => {
      stopping.addEventListener('abort', resolve);
    });
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  setTimeout(() => {
    server.closeAllConnections();
  }, LAST_ANSWERS_MS).unref();
  await closed;
  await watcher.stop();
  await slot.close();
  await temporal.close();
  storage.close();
}

async function main(): Promise<number> {
  let config: Config;
  try {
    config = loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const log = createLogger('api', config.values.MEDLOOP_LOG_LEVEL);
  try {
    await serve(config, log, onStop(log, 'api', STOP_LIMIT_MS));
    log.info('api stopped');
    return 0;
  } catch (error) {
    if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
    log.fatal({ err: error }, 'api failed');
    return 1;
  }
}

process.exit(await main());
