/** A real server, the product's own workers, and activities that a test makes up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import type { ActivityErrorCode } from '../../activities/errors.js';
import { ACTIVITY_ERRORS } from '../../activities/errors.js';
import type { ControlActivities, TrainingActivities } from '../../activities/types.js';
import { workflowBundle, type WorkflowBundle } from '../../temporal/bundle.js';
import { createTemporalClient, type TemporalClientOptions } from '../../temporal/client.js';
import { ensureNamespace } from '../../temporal/namespace.js';
import type { Run, TemporalClient } from '../../temporal/types.js';
import { createControlWorker, createTrainingWorker } from '../../temporal/workers.js';
import { startTemporal, type TestTemporal } from '../support/parts.js';

export type Activities = ControlActivities & TrainingActivities;

/** The activities as a test may write them: with or without a promise. */
export type Fakes = {
  [Name in keyof Activities]: (
    ...input: Parameters<Activities[Name]>
  ) => ReturnType<Activities[Name]> | Awaited<ReturnType<Activities[Name]>>;
};

/** A call that an activity got, in order over all activities. */
export interface Call {
  readonly name: keyof Activities;
  readonly input: unknown;
}

/** What the registry of this make-believe world points to. */
export interface Registry {
  prod: string | null;
  previous: string | null;
  readonly versions: string[];
}

export interface World {
  readonly calls: Call[];
  readonly registry: Registry;
  readonly activities: Activities;
  inputs(name: keyof Activities): readonly unknown[];
}

let installed = false;
export function quiet(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  });
}

export function failure(code: ActivityErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: !ACTIVITY_ERRORS[code].retryable });
}

/** Activities of a run in which all goes well, registering the next version; each can be replaced. */
export function createWorld(
  overrides: Partial<Fakes> = {},
  registry: Registry = { prod: '1', previous: null, versions: ['1'] },
): World {
  const calls: Call[] = [];
  const digest = 'd'.repeat(64) as never;
  const fair: Fakes = {
    snapshotCorrections: () => ({
      snapshot: '00000002' as never,
      digest,
      taken: 3,
      championVersion: registry.prod as never,
      nothingNew: false,
    }),
    trainModel: ({ settings }) => {
      heartbeat({ progress: null, checkpoint: null });
      return { model: { runId: 'run', digest }, settings, steps: 10, seconds: 1, parameters: 100 };
    },
    evaluateModel: () => ({
      promote: true,
      reasons: [{ code: 'GOLDEN', passed: true, text: 'The golden accuracy is 0.99 against 0.98.' }],
      metrics: { golden_accuracy: 0.99 },
    }),
    registerModel: () => {
      const version = String(registry.versions.length + 1);
      registry.versions.push(version);
      return { version: version as never };
    },
    promoteModel: ({ version, expected }) => {
      if (registry.prod !== version) {
        if (registry.prod !== expected) {
          throw failure('ALIAS_MOVED', `prod is at ${registry.prod} and not at ${expected}`);
        }
        registry.previous = registry.prod;
        registry.prod = version;
      }
      return { version, previous: registry.previous as never };
    },
    verifyServing: ({ version }) => ({ verified: true, details: [`An API serves ${version}.`] }),
  };
  const all = { ...fair, ...overrides };
  const record = <Name extends keyof Activities>(name: Name): Activities[Name] =>
    (async (input: never) => {
      calls.push({ name, input });
      return await (all[name] as (input: never) => unknown)(input);
    }) as Activities[Name];
  return {
    calls,
    registry,
    activities: {
      snapshotCorrections: record('snapshotCorrections'),
      trainModel: record('trainModel'),
      evaluateModel: record('evaluateModel'),
      registerModel: record('registerModel'),
      promoteModel: record('promoteModel'),
      verifyServing: record('verifyServing'),
    },
    inputs: (name) => calls.filter((call) => call.name === name).map((call) => call.input),
  };
}

export interface Rig {
  readonly temporal: TestTemporal;
  /** The SDK's own client, for what the product does not offer. */
  readonly raw: Client;
  readonly bundle: WorkflowBundle;
  medloop(world: World, options?: Partial<TemporalClientOptions>): TemporalClient;
  /** Runs `action` while both workers run with the world's activities. */
  withWorkers<T>(world: World, action: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export async function startRig(): Promise<Rig> {
  quiet();
  const temporal = await startTemporal();
  const cache = mkdtempSync(join(tmpdir(), 'medloop-test-bundle-'));
  const { address, namespace } = temporal;
  const bundle = await workflowBundle(cache, new DefaultLogger('ERROR'));
  const connection = await NativeConnection.connect({ address });
  await ensureNamespace(connection, namespace);
  const raw = new Client({ connection, namespace });
  const clients: TemporalClient[] = [];
  return {
    temporal,
    raw,
    bundle,
    medloop(world, options = {}) {
      const client = createTemporalClient({
        address,
        namespace,
        environment: {},
        versions: {
          byAlias: (alias) => {
            const version = alias === 'prod' ? world.registry.prod : world.registry.previous;
            return Promise.resolve(version === null ? null : { version });
          },
          get: (version) => Promise.resolve(world.registry.versions.includes(version) ? { version } : null),
        },
        ...options,
      });
      clients.push(client);
      return client;
    },
    async withWorkers(world, action) {
      const place = { connection, namespace };
      const control = await createControlWorker(place, bundle, world.activities);
      const training = await createTrainingWorker(place, world.activities);
      return control.runUntil(training.runUntil(action));
    },
    async stop() {
      for (const client of clients) await client.close();
      await connection.close();
      await temporal.stop();
      rmSync(cache, { recursive: true, force: true });
    },
  };
}

/** Waits until a run has ended and gives it as the client shows it then. */
export async function ended(client: TemporalClient, id: string): Promise<Run> {
  return until(async () => {
    const run = await client.getRun(id);
    return run === null || run.state === 'running' ? null : run;
  });
}

/** Asks again until the answer is not null; the test's own time limit ends it. */
export async function until<T>(ask: () => Promise<T | null> | T | null): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The state of each step, in order. */
export function states(run: Run): Record<string, string> {
  return Object.fromEntries(run.steps.map((step) => [step.name, step.state]));
}
