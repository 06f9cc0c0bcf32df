/** Third step: champion and challenger answer the same examples, and the gate judges. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../model/errors.js';
import { evaluate } from '../model/evaluation.js';
import { judge } from '../model/gate.js';
import { loadOnnxModel } from '../model/inference.js';
import type { OnnxModel } from '../model/inference.js';
import { assertSameLabels } from '../model/labels.js';
import type { Evaluation, EvaluationReport, Example, Labels } from '../model/types.js';
import { currentAttempt, startBeating, withWorkFolder, workflowRunId } from './attempt.js';
import { createExampleReader, readFloatMatrix } from './examples.js';
import type { ExampleReader } from './examples.js';
import type { ActivityPorts } from './ports.js';
import { saveEvaluation } from './run-documents.js';
import type { EvaluateInput, EvaluateResult } from './types.js';

/** Images between two heartbeats. */
const BATCH = 256;
const BEAT_MS = 2000;

type Ports = Pick<
  ActivityPorts,
  'snapshots' | 'runFiles' | 'registry' | 'datasetsFolder' | 'workFolder' | 'threads'
>;

interface Pair<T> {
  readonly challenger: T;
  readonly champion: T | null;
}

async function load(folder: string, threads: number): Promise<OnnxModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(folder, 'model.onnx'));
  } catch (cause) {
    throw new ModelError('MODEL_UNREADABLE', 'The model has no file model.onnx.', { cause });
  }
  return loadOnnxModel(bytes, { threads });
}

/** Answers of both models to the same examples, in their order. */
async function answer(
  models: Pair<OnnxModel>,
  reader: ExampleReader,
  examples: readonly Example[],
  onBatch: (count: number) => void,
): Promise<Pair<Float32Array>> {
  const room = (model: OnnxModel): Float32Array => new Float32Array(examples.length * model.labels.length);
  const challenger = room(models.challenger);
  const champion = models.champion === null ? null : room(models.champion);
  for (let first = 0; first < examples.length; first += BATCH) {
    const batch = examples.slice(first, first + BATCH);
    const pixels = await reader.read(batch);
    const offset = first * models.challenger.labels.length;
    challenger.set(await models.challenger.predict(pixels, batch.length), offset);
    champion?.set((await models.champion?.predict(pixels, batch.length)) ?? [], offset);
    onBatch(batch.length);
  }
  return { challenger, champion };
}

function measure(
  labels: Labels,
  examples: readonly Example[],
  answers: Pair<Float32Array>,
): Pair<Evaluation> {
  const truths = examples.map((example) => example.label);
  return {
    challenger: evaluate(labels, truths, answers.challenger),
    champion: answers.champion === null ? null : evaluate(labels, truths, answers.champion),
  };
}

/** Largest difference of any probability; infinite when the trainer kept answers to another number of examples. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const difference = Math.abs(value - (b[index] ?? Number.NaN));
    // Not `Math.max`, which a later number would clear of a NaN.
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(largest)) return Number.POSITIVE_INFINITY;
  }
  return largest;
}

/** The report's figures for lists and for MLflow's comparison of runs. */
function figures(report: EvaluationReport): Record<string, number> {
  const metrics: Record<string, number> = { 'onnx.difference': report.onnxDifference };
  const add = (name: string, pair: Pair<Evaluation> | null): void => {
    for (const [prefix, evaluation] of [
      ['', pair?.challenger],
      ['champion.', pair?.champion],
    ] as const) {
      if (!evaluation) continue;
      metrics[`${prefix}${name}.accuracy`] = evaluation.accuracy;
      metrics[`${prefix}${name}.macro_f1`] = evaluation.macroF1;
      metrics[`${prefix}${name}.ece`] = evaluation.calibrationError;
      metrics[`${prefix}${name}.loss`] = evaluation.loss;
      if (prefix === '') metrics[`${name}.count`] = evaluation.count;
    }
  };
  add('golden', report.golden);
  add('exam', report.exam);
  add('corrections', report.corrections);
  return metrics;
}

/** Makes the step. */
export function createEvaluateModel(ports: Ports) {
  return async (input: EvaluateInput): Promise<EvaluateResult> => {
    const context = currentAttempt();
    const signal = context.cancellationSignal;
    const runId = workflowRunId();
    const progress = { done: 0, total: 0 };
    const beating = startBeating(() => progress, BEAT_MS);

    async function loadChampion(folder: string, labels: Labels): Promise<OnnxModel | null> {
      if (input.championVersion === null) return null;
      await ports.registry.download(input.championVersion, folder);
      const champion = await load(folder, ports.threads);
      if (JSON.stringify(champion.labels) === JSON.stringify(labels)) return champion;
      await champion.close();
      context.log.warn('the version in service has other classes and cannot be compared', {
        version: input.championVersion,
      });
      return null;
    }

    async function run(work: string): Promise<EvaluateResult> {
      const { files, examples } = await ports.snapshots.materialize(input.snapshot, ports.datasetsFolder);
      signal.throwIfAborted();
      const folder = join(work, 'challenger');
      await ports.runFiles.fetchModel(input.challenger, folder);
      const challenger = await load(folder, ports.threads);
      const reader = createExampleReader(files);
      let champion: OnnxModel | null = null;
      try {
        assertSameLabels(challenger.labels, files.labels);
        champion = await loadChampion(join(work, 'champion'), files.labels);
        const golden = examples.filter((example) => example.split === 'golden');
        const exam = examples.filter((example) => example.split === 'exam');
        const learned = examples.filter(({ split, origin }) => split === 'train' && origin === 'correction');
        progress.total = golden.length + exam.length + learned.length;
        const ask = (set: readonly Example[]): Promise<Pair<Float32Array>> =>
          answer({ challenger, champion }, reader, set, (count) => {
            progress.done += count;
            context.heartbeat(progress);
            signal.throwIfAborted();
          });
        const optional = async (set: readonly Example[]): Promise<Pair<Evaluation> | null> =>
          set.length === 0 ? null : measure(files.labels, set, await ask(set));

        const answers = await ask(golden);
        const trained = await readFloatMatrix(join(folder, 'trained-golden.npy'));
        const report: EvaluationReport = {
          labels: files.labels,
          datasetDigest: files.digest,
          golden: measure(files.labels, golden, answers),
          exam: await optional(exam),
          corrections: await optional(learned),
          onnxDifference: largestDifference(answers.challenger, trained),
        };
        const verdict = judge(report, input.policy);
        await saveEvaluation(ports.runFiles, runId, report, verdict);
        return { promote: verdict.promote, reasons: verdict.reasons, metrics: figures(report) };
      } finally {
        await Promise.all([challenger.close(), champion?.close(), reader.close()]);
      }
    }

    try {
      return await withWorkFolder(ports.workFolder, `evaluate-${runId}`, run);
    } finally {
      beating.stop();
    }
  };
}
