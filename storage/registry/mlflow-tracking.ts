/** MLflow's tracking calls: experiments, runs, logged models. */
import { z } from 'zod';
import {
  api,
  batches,
  createCalls,
  experiment,
  list,
  loggedModel,
  nothing,
  number,
  orNull,
  quoted,
  run,
} from './mlflow-calls.js';
import type { MlflowDataset, MlflowMetric, MlflowTag } from './mlflow-calls.js';
import { MlflowError } from './mlflow-http.js';
import type { MlflowHttp } from './mlflow-http.js';

/** Only calls that may be repeated are; the callers of the others search before they create. */
export function createTrackingCalls(http: MlflowHttp) {
  const { get, send } = createCalls(http);
  return {
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
  };
}
