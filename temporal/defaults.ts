/** What a retrain is told unless someone says otherwise: budgets, gate and intervals. */
import { DEFAULT_GATE_POLICY, TRAINING_DEFAULTS } from '../activities/defaults.js';
import { MODEL_NAME, type RetrainInput, type RunRequest } from '../workflows/contract.js';

/** The input of a retrain of the model, with the given way of training, trigger and person. */
export function defaultRetrainInput(request: RunRequest): RetrainInput {
  return {
    ...request,
    model: MODEL_NAME,
    seed: 1,
    warm: TRAINING_DEFAULTS.warm,
    full: TRAINING_DEFAULTS.full,
    checkpointEveryMs: 30_000,
    policy: DEFAULT_GATE_POLICY,
    verifyTimeoutMs: VERIFY_TIMEOUT_MS,
  };
}

/** How long every API has to say that it serves a promoted version. */
export const VERIFY_TIMEOUT_MS = 60_000;
