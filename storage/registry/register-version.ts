/**
 * One retrain becomes one MLflow run, one logged model and one version, also when an earlier call was cut off anywhere.
 * MLflow has no client-given ids, so each step first looks for what an earlier call left, by a tag. The version is made
 * last and in one request with all its tags: where it exists, everything before it is complete.
 */
import type { RegisteredVersion, RegistrationRequest } from '../types.js';
import { proxyPath, readFolder, sha256, uploadFiles } from './artifacts.js';
import type { MlflowMetric, MlflowModelVersion, MlflowTag } from './mlflow-calls.js';
import type { MlflowClient } from './mlflow-client.js';
import { RUN_KEY, toRegisteredVersion, toTags, versionTags } from './version-tags.js';

/** Longest digest of a data set that MLflow takes; the whole one stands in the tags. */
const DATASET_DIGEST_LENGTH = 36;
const SYNTHETIC_NOTE = 'Trained on synthetic demo phantoms, not on medical images.';

interface Registration {
  readonly client: MlflowClient;
  readonly model: string;
  readonly experimentId: string;
  readonly request: RegistrationRequest;
}

const description = (request: RegistrationRequest): string =>
  request.synthetic ? `${SYNTHETIC_NOTE} ${request.description}`.trim() : request.description;

/** Tags of the run and the logged model: MLflow's pages show source and user from those beginning with `mlflow.`. */
function sharedTags(request: RegistrationRequest): MlflowTag[] {
  return toTags({
    'mlflow.source.type': 'JOB',
    'mlflow.source.name': 'medloop',
    ...request.tags,
    'mlflow.note.content': description(request),
    [RUN_KEY]: request.workflowRunId,
    labels: JSON.stringify(request.labels),
    snapshot: request.snapshot,
    snapshot_digest: request.snapshotDigest,
    synthetic: String(request.synthetic),
    mode: request.mode,
    verdict: request.verdict,
  });
}

/** Curves by epoch, then the final figures. Times come from the run's start, so a repetition writes no second point. */
function metricPoints(request: RegistrationRequest, modelId: string): MlflowMetric[] {
  let elapsedMs = 0;
  const curves = request.epochs.flatMap((epoch): MlflowMetric[] => {
    elapsedMs += Math.round(epoch.seconds * 1000);
    const timestamp = request.startedAtMs + elapsedMs;
    const point = (key: string, value: number): MlflowMetric => ({
      key,
      value,
      timestamp,
      step: epoch.epoch,
    });
    return [
      point('train_loss', epoch.loss),
      point('train_accuracy', epoch.trainAccuracy),
      point('validation_loss', epoch.validationLoss),
      point('validation_accuracy', epoch.validationAccuracy),
      point('epoch_seconds', epoch.seconds),
    ];
  });
  const step = request.epochs.at(-1)?.epoch ?? 0;
  const timestamp = request.startedAtMs + elapsedMs;
  const final = Object.entries(request.metrics).map(([key, value]): MlflowMetric => {
    return { key, value, timestamp, step };
  });
  return [...curves, ...final].map((metric) => ({ ...metric, model_id: modelId }));
}

function lowest(versions: readonly MlflowModelVersion[]): MlflowModelVersion | null {
  return [...versions].sort((a, b) => Number(a.version) - Number(b.version))[0] ?? null;
}

function versionsOfRun({ client, model, request }: Registration): Promise<MlflowModelVersion[]> {
  return client.findVersions({ name: model, tagName: RUN_KEY, value: request.workflowRunId, limit: 50 });
}

async function findOrCreateRun({ client, experimentId, request }: Registration) {
  const found = await client.findRuns(experimentId, RUN_KEY, request.workflowRunId);
  const first = found.sort((a, b) => (a.info.run_id < b.info.run_id ? -1 : 1))[0];
  if (first !== undefined) return first;
  return client.createRun({
    experimentId,
    name: request.runName,
    startTimeMs: request.startedAtMs,
    tags: sharedTags(request),
  });
}

async function findOrCreateLoggedModel(registration: Registration, runId: string) {
  const { client, experimentId, request } = registration;
  const found = await client.findLoggedModels(experimentId, RUN_KEY, request.workflowRunId);
  const first = found.sort((a, b) => a.info.creation_timestamp_ms - b.info.creation_timestamp_ms)[0];
  if (first !== undefined) return first;
  return client.createLoggedModel({
    experimentId,
    name: 'model',
    runId,
    parameters: request.parameters,
    tags: sharedTags(request),
  });
}

/** Makes the version and settles a race: of several made for one retrain the lowest number stays. */
async function createVersion(
  registration: Registration,
  ids: { runId: string; modelId: string },
  digests: Readonly<Record<string, string>>,
): Promise<MlflowModelVersion> {
  const { client, model, request } = registration;
  const created = await client.createVersion({
    name: model,
    ...ids,
    description: description(request),
    tags: toTags(versionTags(request, digests)),
  });
  const all = await versionsOfRun(registration);
  const kept = lowest(all) ?? created;
  for (const surplus of all) {
    if (surplus.version !== kept.version) await client.deleteVersion(model, surplus.version);
  }
  return kept;
}

/** Registers one retrain's result; see the head of this file. */
export async function registerVersion(registration: Registration): Promise<RegisteredVersion> {
  const { client, request } = registration;
  const existing = lowest(await versionsOfRun(registration));
  if (existing !== null) return toRegisteredVersion(existing);

  const run = await findOrCreateRun(registration);
  const runId = run.info.run_id;
  const loggedModel = await findOrCreateLoggedModel(registration, runId);
  const modelId = loggedModel.info.model_id;
  const artifactPath = loggedModel.info.artifact_uri;

  const files: Record<string, Uint8Array | string> = {
    ...(await readFolder(request.modelFolder)),
    ...request.modelFiles?.({ runId, modelId, artifactPath }),
  };
  const digests = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, sha256(content)]));
  await uploadFiles(client, proxyPath(artifactPath), files);
  await client.markReady(modelId);
  await client.logOutput(runId, modelId);

  await client.logParameters(runId, request.parameters);
  const points = metricPoints(request, modelId);
  await client.logMetrics(runId, points);
  await client.logDataset(runId, {
    name: request.dataset.name,
    digest: request.dataset.digest.slice(0, DATASET_DIGEST_LENGTH),
    source: request.dataset.uri,
    rows: request.dataset.rows,
    context: 'training',
  });
  await uploadFiles(client, proxyPath(run.info.artifact_uri), request.artifacts);
  await client.finishRun(runId, Math.max(request.startedAtMs, ...points.map((point) => point.timestamp)));

  return toRegisteredVersion(await createVersion(registration, { runId, modelId }, digests));
}
