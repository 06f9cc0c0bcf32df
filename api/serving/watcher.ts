/** Follows the alias `prod`: fetches a new version beside the old, checks it, and only then swaps it in. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../config/log.js';
import { ModelError } from '../../model/errors.js';
import { assertSameLabels } from '../../model/labels.js';
import type { Labels } from '../../model/types.js';
import { StorageError } from '../../storage/errors.js';
import type { ModelRegistry, RegisteredVersion } from '../../storage/types.js';
import { toApiError } from '../errors.js';
import type { Metrics } from '../metrics.js';
import type { Readiness } from '../schema.js';
import type { ServedManifest, ServingFolder } from './files.js';
import type { LoadModel } from './load.js';
import type { ModelSlot } from './slot.js';

const ALIAS = 'prod';

export interface WatcherOptions {
  readonly pollMs: number;
  /** Longest wait between two looks while MLflow is down. */
  readonly maxPollMs: number;
  /** How long a version that failed its check is left alone; doubles with each failure. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
}

export interface WatcherState {
  readonly refused: Readiness['refused'];
}

export interface WatcherPorts {
  readonly registry: Pick<ModelRegistry, 'byAlias' | 'download'>;
  readonly folder: ServingFolder;
  readonly load: LoadModel;
  readonly slot: ModelSlot;
  /** The data set's classes; null before the first import. May fail. */
  readonly datasetLabels: () => Promise<Labels | null>;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface Watcher {
  /** Serves the last model from the disk, if there is one. Never fails. */
  restore(): Promise<void>;
  /** Looks once; resolves to how long to wait before the next look, in ms. Never fails. */
  look(): Promise<number>;
  /** Looks until `stop`. */
  start(): void;
  stop(): Promise<void>;
  state(): WatcherState;
}

interface Refusal {
  readonly version: string;
  readonly failures: number;
  readonly retryAt: number;
}

export function createWatcher(ports: WatcherPorts, options: WatcherOptions): Watcher {
  const { registry, folder, load, slot, datasetLabels, metrics, log } = ports;
  const stopping = new AbortController();
  let loop: Promise<void> | null = null;
  let pollMs = options.pollMs;
  let refusal: Refusal | null = null;
  let refused: WatcherState['refused'] = null;
  let registryDown = false;

  /** A version with other classes than users see is taken only when the data set itself has those classes now. */
  async function checkAgainstUsers(labels: Labels): Promise<void> {
    const shown = slot.current()?.labels;
    if (!shown) return;
    try {
      assertSameLabels(labels, shown);
    } catch (error) {
      const wanted = await datasetLabels().catch(() => null);
      if (!wanted) throw error;
      assertSameLabels(labels, wanted);
    }
  }

  function take(manifest: ServedManifest, next: Parameters<ModelSlot['swap']>[0]): void {
    slot.swap(next);
    metrics.modelInfo.reset();
    metrics.modelInfo.set({ version: manifest.version }, 1);
    refusal = null;
    refused = null;
  }

  async function offer(offered: RegisteredVersion): Promise<void> {
    const { version, labels, synthetic } = offered;
    const previous = slot.current()?.version;
    const manifest =
      (await folder.find(version)) ??
      (await folder.add({ version, labels: [...labels], synthetic }, (target) =>
        registry.download(version, target),
      ));
    assertSameLabels(manifest.labels, labels);
    await checkAgainstUsers(labels);
    const next = await load(folder, manifest);
    if (stopping.signal.aborted) {
      await next.close();
      return;
    }
    take(manifest, next);
    metrics.swaps.inc({ outcome: 'swapped' });
    log.info({ version, previous: previous ?? null }, 'model swapped in');
    // The note and the cleaning are for the next start: that they fail must not undo a good swap.
    try {
      await folder.setCurrent(version);
      await folder.keepOnly(previous === undefined ? [version] : [version, previous]);
    } catch (error) {
      log.error({ version, err: error }, 'the served version could not be noted on disk');
    }
  }

  async function refuse(version: string, error: unknown): Promise<void> {
    const failure = toApiError(error);
    const failures = refusal?.version === version ? refusal.failures + 1 : 1;
    // A server that is away comes back soon; a bad version is bad until someone registers another.
    const [first, longest] =
      error instanceof StorageError && error.retryable
        ? [options.pollMs, options.maxPollMs]
        : [options.retryMs, options.maxRetryMs];
    const waitMs = Math.min(first * 2 ** (failures - 1), longest);
    refusal = { version, failures, retryAt: Date.now() + waitMs };
    refused = { version, code: failure.code, message: failure.message, at: new Date().toISOString() };
    metrics.swaps.inc({ outcome: failure.code });
    log.error(
      { version, code: failure.code, retryInMs: waitMs, err: error },
      'offered version not taken; the old one goes on answering',
    );
    // Damaged files would be found again for ever; a fresh download may cure them.
    if (error instanceof ModelError) await folder.remove(version).catch(() => undefined);
  }

  async function look(): Promise<number> {
    let offered: RegisteredVersion | null;
    try {
      offered = await registry.byAlias(ALIAS);
      if (registryDown) log.info('MLflow answers again');
      registryDown = false;
      pollMs = options.pollMs;
    } catch (error) {
      pollMs = registryDown ? Math.min(pollMs * 2, options.maxPollMs) : options.pollMs;
      if (!registryDown)
        log.warn({ err: error }, 'MLflow does not answer; the present model goes on answering');
      registryDown = true;
      return pollMs;
    }
    if (!offered) return pollMs;
    const { version } = offered;
    if (slot.current()?.version === version) {
      refusal = null;
      refused = null;
      return pollMs;
    }
    if (refusal?.version === version && Date.now() < refusal.retryAt) return pollMs;
    try {
      await offer(offered);
    } catch (error) {
      await refuse(version, error);
    }
    return pollMs;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const waitMs = await look();
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  return {
    look,
    async restore() {
      try {
        const version = await folder.current();
        const manifest = version === null ? null : await folder.find(version);
        if (!manifest) return;
        take(manifest, await load(folder, manifest));
        log.info({ version }, 'model served from disk');
      } catch (error) {
        log.error({ err: error }, 'the last served model cannot be loaded from disk');
      }
    },
    start() {
      loop ??= run();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
    state: () => ({ refused }),
  };
}
