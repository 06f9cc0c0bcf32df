/** What a retrain is told unless someone says otherwise: budgets, gate and intervals. */
import { MODEL_NAME, type RetrainInput, type RunRequest } from '../workflows/contract.js';

/** The input of a retrain of the model, with the given way of training, trigger and person. */
export function defaultRetrainInput(request: RunRequest): RetrainInput {
  return {
    ...request,
    model: MODEL_NAME,
    seed: 1,
    warm: { epochs: 2, batchSize: 128, learningRate: 1e-3 },
    full: { epochs: 4, batchSize: 128, learningRate: 8e-3 },
    checkpointEveryMs: 30_000,
    policy: {
      firstVersionFloor: 0.9,
      goldenTolerance: 0,
      classRecallTolerance: 0.01,
      onnxTolerance: 1e-4,
    },
    verifyTimeoutMs: VERIFY_TIMEOUT_MS,
  };
}

/** How long every API has to say that it serves a promoted version. */
export const VERIFY_TIMEOUT_MS = 60_000;
