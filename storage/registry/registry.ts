/** MLflow as the model registry of the house: versions, aliases, files. */
import { mkdir } from 'node:fs/promises';
import { StorageError } from '../errors.js';
import type { ModelRegistry, ModelVersion, PromotionRecord } from '../types.js';
import { downloadFiles, listFiles, proxyPath } from './artifacts.js';
import { alreadyExists } from './mlflow-calls.js';
import type { MlflowModelVersion } from './mlflow-calls.js';
import { createMlflowClient } from './mlflow-client.js';
import { splitAddress } from './mlflow-http.js';
import type { MlflowHttpOptions } from './mlflow-http.js';
import { registerVersion } from './register-version.js';
import { fileDigests, promotions, promotionTag, toRegisteredVersion } from './version-tags.js';

/** Alias of the version in service, and of the one before it. */
export const PROD_ALIAS = 'prod';
export const PREVIOUS_ALIAS = 'previous';

export interface ModelRegistryOptions extends MlflowHttpOptions {
  /** Name of the registered model and of the experiment. */
  readonly model: string;
  /** Address at which people reach MLflow's pages, where it is not `url`. */
  readonly pageBaseUrl?: string | undefined;
  readonly logger?: { info(fields: Record<string, unknown>, message: string): void } | undefined;
  /** Clock of the promotion records. */
  readonly now?: (() => Date) | undefined;
}

const isNumber = (version: string): boolean => /^[1-9]\d{0,18}$/.test(version);

/** Newest recorded move among the given versions. */
function lastMove(versions: readonly (MlflowModelVersion | null)[]): PromotionRecord | null {
  const records = versions.flatMap((version) => (version === null ? [] : promotions(version)));
  return records.sort((a, b) => (a.at < b.at ? 1 : -1))[0] ?? null;
}

/** Makes the registry over one MLflow server. Every failure is a `StorageError`. */
export function createModelRegistry(options: ModelRegistryOptions): ModelRegistry {
  const { model } = options;
  const client = createMlflowClient(options);
  const now = options.now ?? (() => new Date());
  const pageBaseUrl = splitAddress(options.pageBaseUrl ?? options.url).url;

  /** Creates what is missing; of several who create at once all but one are told that it exists. */
  async function ensureExperiment(): Promise<string> {
    let experiment = await client.experimentByName(model);
    if (experiment === null) {
      try {
        return (await client.createExperiment(model)).experiment_id;
      } catch (error) {
        if (!alreadyExists(error)) throw error;
        experiment = await client.experimentByName(model);
      }
    }
    if (experiment === null) {
      throw new StorageError('MLFLOW_UNEXPECTED', `MLflow has the experiment ${model} and does not find it.`);
    }
    if (experiment.lifecycle_stage === 'deleted') await client.restoreExperiment(experiment.experiment_id);
    return experiment.experiment_id;
  }

  async function ensureModel(): Promise<void> {
    if ((await client.registeredModel(model)) !== null) return;
    try {
      await client.createRegisteredModel(
        model,
        'Image classifier of Medloop, retrained on the corrections of its users. `prod` is in service.',
      );
    } catch (error) {
      if (!alreadyExists(error)) throw error;
    }
  }

  async function existing(version: ModelVersion): Promise<MlflowModelVersion> {
    const found = isNumber(version) ? await client.version(model, version) : null;
    if (found === null) {
      throw new StorageError('VERSION_NOT_FOUND', `There is no version ${version} of ${model}.`);
    }
    return found;
  }

  async function promote(
    version: ModelVersion,
    expected: ModelVersion | null,
    by: string,
    why: string,
    takeBack = false,
  ): Promise<void> {
    const target = await existing(version);
    const before = expected === null || expected === version ? null : await client.version(model, expected);
    const current = await client.versionByAlias(model, PROD_ALIAS);
    if (current?.version === version) {
      // The record is written last: where it is missing, an earlier call was cut off behind the move.
      if (expected === version || lastMove([target, before])?.to === version) return;
    } else {
      if ((current?.version ?? null) !== expected) {
        throw new StorageError(
          'ALIAS_MOVED',
          `${PROD_ALIAS} points to ${current?.version ?? 'no version'}, not to ${expected ?? 'no version'} as expected.`,
        );
      }
      await client.setAlias(model, PROD_ALIAS, version);
    }
    if (takeBack) {
      // What stood before the move that is undone: the version that could not serve is nothing to roll back to.
      const earlier = lastMove([target])?.from ?? null;
      if (earlier === null) await client.deleteAlias(model, PREVIOUS_ALIAS);
      else await client.setAlias(model, PREVIOUS_ALIAS, earlier);
    } else if (before !== null) await client.setAlias(model, PREVIOUS_ALIAS, before.version);
    // Never older than the last record, whatever the clocks of two workers say.
    const last = lastMove([target, before]);
    const at = new Date(Math.max(now().getTime(), last === null ? 0 : Date.parse(last.at) + 1)).toISOString();
    const { key, value } = promotionTag({ at, by, from: expected, to: version, why });
    await client.setVersionTag(model, version, key, value);
    options.logger?.info({ model, version, from: expected, by, why }, 'prod moved');
  }

  async function download(version: ModelVersion, folder: string): Promise<void> {
    const found = await existing(version);
    const root = proxyPath(await client.downloadUri(model, version));
    const digests = fileDigests(found);
    const files =
      digests ?? Object.fromEntries((await listFiles(client, root)).map((name) => [name, null] as const));
    await mkdir(folder, { recursive: true });
    await downloadFiles(client, root, files, folder);
  }

  return {
    ensure: async () => {
      await ensureExperiment();
      await ensureModel();
    },
    register: async (request) => {
      const experimentId = await ensureExperiment();
      await ensureModel();
      const registered = await registerVersion({ client, model, experimentId, request });
      options.logger?.info(
        { model, version: registered.version, workflowRunId: request.workflowRunId },
        'version registered',
      );
      return registered;
    },
    byAlias: async (alias) => {
      const found = await client.versionByAlias(model, alias);
      return found === null ? null : toRegisteredVersion(found);
    },
    get: async (version) => {
      const found = isNumber(version) ? await client.version(model, version) : null;
      return found === null ? null : toRegisteredVersion(found);
    },
    list: async (limit) => {
      const registered = await client.registeredModel(model);
      if (registered === null) return [];
      const versions = await client.findVersions({ name: model, limit });
      // MLflow's search leaves aliases out.
      return versions.map((version) =>
        toRegisteredVersion(
          version,
          registered.aliases.filter((entry) => entry.version === version.version).map((entry) => entry.alias),
        ),
      );
    },
    promote,
    download,
    ping: async () => {
      // Not /health: that answers 200 also where every call of the API is refused.
      await client.registeredModel(model);
    },
    pageUrl: (version) => `${pageBaseUrl}/#/models/${encodeURIComponent(model)}/versions/${version}`,
  };
}
