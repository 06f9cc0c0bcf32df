/** The files of a trained model. */
import { join } from 'node:path';
import { toNetwork, type Layout } from '../network/architecture.js';
import { parameterCount } from '../network/weights.js';
import { exportOnnx } from '../onnx.js';
import type { GoldenExamples, TrainerJob, TrainerResult } from '../types.js';
import type { TrainingState } from './checkpoint.js';
import type { TrainingData } from './dataset.js';
import { syncFolder, writeSynced } from './files.js';
import { encodeFloatMatrix } from './npy.js';
import { answers, type Scorer } from './scoring.js';
import { writeTfjsModel } from './tfjs-files.js';

/** So many images of each class are stored with a model, for serving to recompute. */
const EXAMPLES_PER_CLASS = 4;

/** Writes everything that `TrainerResult` names into the job's work folder, synced to disk. */
export async function writeResults(
  job: TrainerJob,
  layout: Layout,
  state: TrainingState,
  scorer: Scorer,
): Promise<TrainerResult> {
  const folder = job.workFolder;
  const network = toNetwork(layout, state.network, job.dataset.labels);
  const metadata = {
    dataset: job.dataset.digest,
    mode: job.settings.mode,
    seed: String(job.settings.seed),
    steps: String(state.step),
    synthetic: String(job.dataset.synthetic),
  };
  await writeSynced(join(folder, 'model.onnx'), exportOnnx(network, metadata));
  await writeTfjsModel(folder, network);
  await writeSynced(join(folder, 'history.json'), JSON.stringify(state.epochs));
  await writeSynced(join(folder, 'golden-examples.json'), JSON.stringify(goldenExamples(scorer)));
  await writeSynced(join(folder, 'trained-golden.npy'), goldenAnswers(scorer));
  await syncFolder(folder);
  return { folder, steps: state.step, seconds: state.seconds, parameters: parameterCount(network) };
}

/** A few images of each class with the network's answers: from validation, or where it has none, from training. */
function goldenExamples(scorer: Scorer): GoldenExamples {
  const { data } = scorer;
  const chosen = data.labels.flatMap((_, label) => {
    const validation = firstOfClass(data, data.groups.validation, label);
    return validation.length > 0 ? validation : firstOfClass(data, data.train, label);
  });
  const examples = [...answers(scorer, Uint32Array.from(chosen))].flat();
  return {
    labels: data.labels,
    examples: examples.map(({ example, probabilities }) => ({
      pixels: Buffer.from(data.read(Uint32Array.of(example))).toString('base64'),
      probabilities: [...probabilities],
    })),
  };
}

function firstOfClass(data: TrainingData, examples: Uint32Array, label: number): readonly number[] {
  const found: number[] = [];
  for (const example of examples) {
    if (data.label[example] === label) found.push(example);
    if (found.length === EXAMPLES_PER_CLASS) break;
  }
  return found;
}

function goldenAnswers(scorer: Scorer): Uint8Array {
  const { golden } = scorer.data.groups;
  const classes = scorer.data.labels.length;
  const values = new Float32Array(golden.length * classes);
  let filled = 0;
  for (const batch of answers(scorer, golden)) {
    for (const { probabilities } of batch) {
      values.set(probabilities, filled);
      filled += classes;
    }
  }
  return encodeFloatMatrix(values, classes);
}
