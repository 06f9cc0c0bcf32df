/** The run's documents that steps leave for each other and for later attempts, checked when they are read. */
import { z } from 'zod';
import type { EvaluationReport, GateReason, Sha256 } from '../model/types.js';
import { StorageError } from '../storage/errors.js';
import type { RunFiles } from '../storage/types.js';
import type { TrainResult } from './types.js';

/** Which attempt trains; a later one takes the run over by writing its number here. */
const TRAINING_ATTEMPT = 'training-attempt';
/** Result of the training, so that a lost answer to Temporal does not train again. */
const TRAINING_RESULT = 'training-result';
/** `EvaluationReport`. */
const EVALUATION = 'evaluation';
/** What the gate said and why. */
const VERDICT = 'verdict';

const attemptDocument = z.object({ attempt: z.number().int() });
const resultDocument = z.object({
  snapshot: z.string(),
  result: z.object({
    model: z.object({ runId: z.string(), digest: z.string() }),
    settings: z.object({
      mode: z.enum(['warm', 'full']),
      seed: z.number(),
      epochs: z.number(),
      batchSize: z.number(),
      learningRate: z.number(),
    }),
    steps: z.number(),
    seconds: z.number(),
    parameters: z.number(),
  }),
});
const evaluation = z.object({
  count: z.number(),
  accuracy: z.number(),
  confusion: z.array(z.array(z.number())),
});
/** Only what is read back is checked; the rest is kept as it is. */
const reportDocument = z.looseObject({
  labels: z.array(z.string()),
  golden: z.looseObject({ challenger: evaluation.loose() }),
});

/** Null where there is none, or where it is not what it should be: then the step is done again. */
async function read<T extends z.ZodType>(
  runFiles: RunFiles,
  runId: string,
  name: string,
  schema: T,
): Promise<z.output<T> | null> {
  try {
    return schema.safeParse(await runFiles.readDocument(runId, name)).data ?? null;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'OBJECT_MISSING') return null;
    throw error;
  }
}

export async function trainingAttempt(runFiles: RunFiles, runId: string): Promise<number> {
  return (await read(runFiles, runId, TRAINING_ATTEMPT, attemptDocument))?.attempt ?? 0;
}

export function claimTraining(runFiles: RunFiles, runId: string, attempt: number): Promise<void> {
  return runFiles.saveDocument(runId, TRAINING_ATTEMPT, { attempt });
}

export async function trainingResult(
  runFiles: RunFiles,
  runId: string,
  snapshot: string,
): Promise<TrainResult | null> {
  const found = await read(runFiles, runId, TRAINING_RESULT, resultDocument);
  if (found?.snapshot !== snapshot) return null;
  const { model } = found.result;
  return { ...found.result, model: { runId: model.runId, digest: model.digest as Sha256 } };
}

export function saveTrainingResult(
  runFiles: RunFiles,
  runId: string,
  snapshot: string,
  result: TrainResult,
): Promise<void> {
  return runFiles.saveDocument(runId, TRAINING_RESULT, { snapshot, result });
}

export async function saveEvaluation(
  runFiles: RunFiles,
  runId: string,
  report: EvaluationReport,
  verdict: { readonly promote: boolean; readonly reasons: readonly GateReason[] },
): Promise<void> {
  await runFiles.saveDocument(runId, EVALUATION, report);
  await runFiles.saveDocument(runId, VERDICT, verdict);
}

/** What registration shows of the report, and the report as it was written. */
export async function readEvaluation(
  runFiles: RunFiles,
  runId: string,
): Promise<{
  labels: readonly string[];
  confusion: readonly (readonly number[])[];
  document: unknown;
} | null> {
  const found = await read(runFiles, runId, EVALUATION, reportDocument);
  if (found === null) return null;
  return { labels: found.labels, confusion: found.golden.challenger.confusion, document: found };
}
