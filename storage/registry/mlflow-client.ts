/** The calls of MLflow's REST API that the registry needs, typed; checked against MLflow 3.17. */
import { z } from 'zod';
import { createMlflowHttp, MlflowError } from './mlflow-http.js';
import type { MlflowHttp, MlflowHttpOptions, MlflowRequest } from './mlflow-http.js';

const tag = z.object({ key: z.string(), value: z.string().default('') });
const tags = z.array(tag).default([]);
/** MLflow leaves empty lists out of its answers. */
const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);

const experiment = z.object({ experiment_id: z.string(), lifecycle_stage: z.string().default('active') });
const run = z.object({
  info: z.object({ run_id: z.string(), artifact_uri: z.string(), status: z.string().default('RUNNING') }),
});
const loggedModel = z.object({
  info: z.object({
    model_id: z.string(),
    artifact_uri: z.string(),
    status: z.string(),
    creation_timestamp_ms: z.coerce.number().default(0),
  }),
});
const modelVersion = z.object({
  version: z.coerce.string(),
  creation_timestamp: z.coerce.number(),
  source: z.string().default(''),
  run_id: z.string().default(''),
  description: z.string().default(''),
  tags,
  aliases: list(z.string()),
});
const registeredModel = z.object({
  name: z.string(),
  aliases: list(z.object({ alias: z.string(), version: z.coerce.string() })),
});
const fileEntry = z.object({ path: z.string(), is_dir: z.boolean().default(false) });

export type MlflowTag = z.output<typeof tag>;
export type MlflowRun = z.output<typeof run>;
export type MlflowLoggedModel = z.output<typeof loggedModel>;
export type MlflowModelVersion = z.output<typeof modelVersion>;
export type MlflowRegisteredModel = z.output<typeof registeredModel>;

export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
  readonly model_id?: string;
}

export interface MlflowDataset {
  readonly name: string;
  /** At most 36 characters. */
  readonly digest: string;
  readonly source: string;
  readonly rows: number;
  readonly context: string;
}

const api = (path: string): string => `/api/2.0/mlflow/${path}`;
const quoted = (value: string): string => `'${value.replaceAll("'", "\\'")}'`;
const nothing = z.unknown();

/** JSON has no NaN or infinity; MLflow takes and gives them as words. */
const number = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

function artifactPath(path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `/api/2.0/mlflow-artifacts/artifacts/${encoded}`;
}

/** Turns "does not exist" into null. An alias that is not set is a 400 in MLflow, an unknown model a 404. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MlflowError) {
      const unsetAlias =
        error.errorCode === 'INVALID_PARAMETER_VALUE' && /alias .* not found/i.test(error.message);
      if (error.errorCode === 'RESOURCE_DOES_NOT_EXIST' || unsetAlias) return null;
    }
    throw error;
  }
}

/** True when the failure says that the thing to make is already there. */
export function alreadyExists(error: unknown): boolean {
  return error instanceof MlflowError && error.errorCode === 'RESOURCE_ALREADY_EXISTS';
}

/** Splits into the batches that MLflow accepts in one request. */
function batches<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

export type MlflowClient = ReturnType<typeof createMlflowClient>;

/** Makes the client. Only calls that may be repeated are; the callers of the others search before they create. */
export function createMlflowClient(options: MlflowHttpOptions) {
  const http: MlflowHttp = createMlflowHttp(options);
  const get = <T extends z.ZodType>(path: string, query: Record<string, string>, schema: T) =>
    http.json({ method: 'GET', path, query, repeatable: true }, schema);
  const send = <T extends z.ZodType>(
    method: MlflowRequest['method'],
    path: string,
    json: unknown,
    schema: T,
    repeatable: boolean,
  ) => http.json({ method, path, json, repeatable }, schema);

  return {
    // ------------------------------------------------------ experiments, runs
    experimentByName: (name: string) =>
      orNull(
        get(
          api('experiments/get-by-name'),
          { experiment_name: name },
          z.object({ experiment }).transform((answer) => answer.experiment),
        ),
      ),
    createExperiment: (name: string) =>
      send('POST', api('experiments/create'), { name }, z.object({ experiment_id: z.string() }), true),
    restoreExperiment: (id: string) =>
      send('POST', api('experiments/restore'), { experiment_id: id }, nothing, true),

    findRuns: async (experimentId: string, tagName: string, value: string) => {
      const answer = await send(
        'POST',
        api('runs/search'),
        {
          experiment_ids: [experimentId],
          filter: `tags.${tagName} = ${quoted(value)}`,
          run_view_type: 'ACTIVE_ONLY',
          max_results: 50,
        },
        z.object({ runs: list(run) }),
        true,
      );
      return answer.runs;
    },
    createRun: async (body: {
      experimentId: string;
      name: string;
      startTimeMs: number;
      tags: readonly MlflowTag[];
    }) => {
      const answer = await send(
        'POST',
        api('runs/create'),
        {
          experiment_id: body.experimentId,
          run_name: body.name,
          start_time: body.startTimeMs,
          tags: body.tags,
        },
        z.object({ run }),
        false,
      );
      return answer.run;
    },
    logParameters: async (runId: string, parameters: Readonly<Record<string, string>>) => {
      const entries = Object.entries(parameters).map(([key, value]) => ({
        key,
        value: value.slice(0, 6000),
      }));
      for (const params of batches(entries, 100)) {
        await send('POST', api('runs/log-batch'), { run_id: runId, params }, nothing, true);
      }
    },
    logMetrics: async (runId: string, metrics: readonly MlflowMetric[]) => {
      const written = metrics.map((metric) => ({ ...metric, value: number(metric.value) }));
      for (const batch of batches(written, 500)) {
        await send('POST', api('runs/log-batch'), { run_id: runId, metrics: batch }, nothing, true);
      }
    },
    logDataset: (runId: string, dataset: MlflowDataset) =>
      send(
        'POST',
        api('runs/log-inputs'),
        {
          run_id: runId,
          datasets: [
            {
              tags: [{ key: 'mlflow.data.context', value: dataset.context }],
              dataset: {
                name: dataset.name,
                digest: dataset.digest,
                source_type: 'medloop',
                source: JSON.stringify({ uri: dataset.source }),
                profile: JSON.stringify({ num_rows: dataset.rows }),
              },
            },
          ],
        },
        nothing,
        true,
      ),
    logOutput: async (runId: string, modelId: string) => {
      const body = { run_id: runId, models: [{ model_id: modelId, step: 0 }] };
      try {
        await send('POST', api('runs/outputs'), body, nothing, true);
      } catch (error) {
        // The second call with the same model breaks a uniqueness rule of MLflow's database: it is there already.
        const repeated = error instanceof MlflowError && /unique|duplicate/i.test(error.message);
        if (!repeated) throw error;
      }
    },
    finishRun: (runId: string, endTimeMs: number) =>
      send(
        'POST',
        api('runs/update'),
        { run_id: runId, status: 'FINISHED', end_time: endTimeMs },
        nothing,
        true,
      ),

    // --------------------------------------------------------- logged models
    findLoggedModels: async (experimentId: string, tagName: string, value: string) => {
      const answer = await send(
        'POST',
        api('logged-models/search'),
        { experiment_ids: [experimentId], filter: `tags.${tagName} = ${quoted(value)}`, max_results: 50 },
        z.object({ models: list(loggedModel) }),
        true,
      );
      return answer.models;
    },
    createLoggedModel: async (body: {
      experimentId: string;
      name: string;
      runId: string;
      parameters: Readonly<Record<string, string>>;
      tags: readonly MlflowTag[];
    }) => {
      const answer = await send(
        'POST',
        api('logged-models'),
        {
          experiment_id: body.experimentId,
          name: body.name,
          source_run_id: body.runId,
          params: Object.entries(body.parameters).map(([key, value]) => ({ key, value })),
          tags: body.tags,
        },
        z.object({ model: loggedModel }),
        false,
      );
      return answer.model;
    },
    markReady: (modelId: string) =>
      send(
        'PATCH',
        api(`logged-models/${modelId}`),
        { model_id: modelId, status: 'LOGGED_MODEL_READY' },
        nothing,
        true,
      ),

    // -------------------------------------------------------------- artifacts
    putArtifact: (path: string, body: Uint8Array) =>
      http.bytes({ method: 'PUT', path: artifactPath(path), body, repeatable: true }),
    getArtifact: (path: string) => http.bytes({ method: 'GET', path: artifactPath(path), repeatable: true }),
    /** One level of a folder, names relative to it. */
    listArtifacts: async (path: string) => {
      const answer = await get(
        '/api/2.0/mlflow-artifacts/artifacts',
        { path },
        z.object({ files: list(fileEntry) }),
      );
      return answer.files;
    },

    // --------------------------------------------------------------- registry
    registeredModel: async (name: string) =>
      orNull(
        get(
          api('registered-models/get'),
          { name },
          z.object({ registered_model: registeredModel }).transform((answer) => answer.registered_model),
        ),
      ),
    createRegisteredModel: (name: string, description: string) =>
      send('POST', api('registered-models/create'), { name, description }, nothing, true),
    findVersions: async (query: { name: string; tagName?: string; value?: string; limit: number }) => {
      const byTag =
        query.tagName === undefined ? '' : ` and tags.${query.tagName} = ${quoted(query.value ?? '')}`;
      const found: MlflowModelVersion[] = [];
      let pageToken = '';
      do {
        const answer = await get(
          api('model-versions/search'),
          {
            filter: `name = ${quoted(query.name)}${byTag}`,
            order_by: 'version_number DESC',
            max_results: String(Math.min(query.limit - found.length, 1000)),
            ...(pageToken === '' ? {} : { page_token: pageToken }),
          },
          z.object({ model_versions: list(modelVersion), next_page_token: z.string().default('') }),
        );
        found.push(...answer.model_versions);
        pageToken = answer.next_page_token;
      } while (pageToken !== '' && found.length < query.limit);
      return found;
    },
    version: (name: string, version: string) =>
      orNull(
        get(
          api('model-versions/get'),
          { name, version },
          z.object({ model_version: modelVersion }).transform((answer) => answer.model_version),
        ),
      ),
    createVersion: async (body: {
      name: string;
      modelId: string;
      runId: string;
      description: string;
      tags: readonly MlflowTag[];
    }) => {
      const answer = await send(
        'POST',
        api('model-versions/create'),
        {
          name: body.name,
          source: `models:/${body.modelId}`,
          model_id: body.modelId,
          run_id: body.runId,
          description: body.description,
          tags: body.tags,
        },
        z.object({ model_version: modelVersion }),
        false,
      );
      return answer.model_version;
    },
    deleteVersion: (name: string, version: string) =>
      orNull(send('DELETE', api('model-versions/delete'), { name, version }, nothing, true)),
    downloadUri: async (name: string, version: string) => {
      const answer = await get(
        api('model-versions/get-download-uri'),
        { name, version },
        z.object({ artifact_uri: z.string() }),
      );
      return answer.artifact_uri;
    },
    setVersionTag: (name: string, version: string, key: string, value: string) =>
      send('POST', api('model-versions/set-tag'), { name, version, key, value }, nothing, true),
    versionByAlias: (name: string, alias: string) =>
      orNull(
        get(
          api('registered-models/alias'),
          { name, alias },
          z.object({ model_version: modelVersion }).transform((answer) => answer.model_version),
        ),
      ),
    /** Not repeated by itself: between two tries the alias may have been moved by someone else. */
    setAlias: (name: string, alias: string, version: string) =>
      send('POST', api('registered-models/alias'), { name, alias, version }, nothing, false),
  };
}
