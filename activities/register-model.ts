/** Fourth step: one MLflow run and one model version for this retrain, whatever the gate said. */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { confusionMatrixSvg } from '../model/confusion-picture.js';
import { ModelError } from '../model/errors.js';
import { mlmodelFiles } from '../model/mlmodel.js';
import { epochsSchema } from '../model/training/history.js';
import type { EpochMetrics } from '../model/types.js';
import { StorageError } from '../storage/errors.js';
import type { RegistrationRequest, Snapshot } from '../storage/types.js';
import { withWorkFolder, workflowRunId } from './attempt.js';
import type { ActivityPorts } from './ports.js';
import { readEvaluation } from './run-documents.js';
import type { RegisterInput, RegisterResult } from './types.js';

/** Only the evaluation needs it; everything else in the trainer's folder belongs to the version. */
const NOT_PUBLISHED = ['trained-golden.npy'];

async function readHistory(folder: string): Promise<{ text: string; epochs: readonly EpochMetrics[] }> {
  try {
    const text = await readFile(join(folder, 'history.json'), 'utf8');
    return { text, epochs: epochsSchema.parse(JSON.parse(text)) };
  } catch (cause) {
    throw new ModelError('MODEL_UNREADABLE', "The trainer's history.json cannot be read.", { cause });
  }
}

const rowsOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

function describe(input: RegisterInput, snapshot: Snapshot, rows: number): string {
  const { mode } = input.training.settings;
  const images = new Intl.NumberFormat('en-US').format(rows);
  const start =
    mode === 'warm' && input.championVersion !== null
      ? `Trained on from version ${input.championVersion}`
      : 'Trained from scratch';
  const verdict = input.evaluation.promote ? 'The gate said yes.' : 'The gate said no.';
  return `${start} on snapshot ${snapshot.id} with ${images} training images. ${verdict}`;
}

/** Makes the step; see `ModelRegistry.register` for what a repetition does. */
export function createRegisterModel(
  ports: Pick<ActivityPorts, 'snapshots' | 'runFiles' | 'registry' | 'workFolder' | 'snapshotUri'>,
) {
  return async (input: RegisterInput): Promise<RegisterResult> => {
    const runId = workflowRunId();
    const { training, evaluation } = input;

    async function requestFor(folder: string): Promise<RegistrationRequest> {
      const snapshot = await ports.snapshots.get(input.snapshot);
      if (snapshot === null) {
        throw new StorageError('SNAPSHOT_NOT_FOUND', `There is no snapshot ${input.snapshot}.`);
      }
      await ports.runFiles.fetchModel(input.challenger, folder);
      for (const name of NOT_PUBLISHED) await rm(join(folder, name), { force: true });
      const report = await readEvaluation(ports.runFiles, runId);
      if (report === null) throw new StorageError('OBJECT_MISSING', 'The evaluation of this run is missing.');
      const history = await readHistory(folder);
      const { size } = await stat(join(folder, 'model.onnx'));
      const rows = rowsOf(snapshot.counts.train);
      const started = new Date(input.startedAtMs);
      const settings = training.settings;
      return {
        workflowRunId: runId,
        runName: `retrain ${started.toISOString().slice(0, 16).replace('T', ' ')}`,
        startedAtMs: input.startedAtMs,
        modelFolder: folder,
        modelFiles: (ids) =>
          mlmodelFiles({
            ...ids,
            labels: snapshot.labels,
            createdAt: started,
            synthetic: snapshot.synthetic,
            modelSizeBytes: size,
            metadata: { snapshot: snapshot.id, snapshot_digest: snapshot.digest, workflow_run_id: runId },
          }),
        artifacts: {
          'confusion-matrix.svg': confusionMatrixSvg(
            report.labels,
            report.confusion,
            `Golden set of snapshot ${snapshot.id}${snapshot.synthetic ? ' (synthetic phantoms)' : ''}`,
          ),
          'evaluation.json': `${JSON.stringify(report.document, null, 2)}\n`,
          'verdict.json': `${JSON.stringify({ promote: evaluation.promote, reasons: evaluation.reasons }, null, 2)}\n`,
          'history.json': history.text,
        },
        parameters: {
          mode: settings.mode,
          seed: String(settings.seed),
          epochs: String(settings.epochs),
          batch_size: String(settings.batchSize),
          learning_rate: String(settings.learningRate),
          steps: String(training.steps),
          network_parameters: String(training.parameters),
          snapshot: snapshot.id,
          champion: input.championVersion ?? 'none',
        },
        metrics: {
          ...evaluation.metrics,
          'training.seconds': training.seconds,
          'training.steps': training.steps,
        },
        epochs: history.epochs,
        dataset: {
          name: input.model,
          digest: snapshot.digest,
          rows,
          uri: ports.snapshotUri(snapshot.id),
        },
        tags: {
          'mlflow.user': input.requestedBy,
          requested_by: input.requestedBy,
          champion: input.championVersion ?? 'none',
        },
        labels: snapshot.labels,
        snapshot: snapshot.id,
        snapshotDigest: snapshot.digest,
        synthetic: snapshot.synthetic,
        verdict: evaluation.promote ? 'promote' : 'refuse',
        mode: settings.mode,
        description: describe(input, snapshot, rows),
      };
    }

    return withWorkFolder(ports.workFolder, `register-${runId}`, async (work) => {
      const request = await requestFor(join(work, 'model'));
      const { version } = await ports.registry.register(request);
      return { version };
    });
  };
}
