/** After a warm training: how far to go from the champion towards what was just learned. */
import { setImmediate } from 'node:timers/promises';
import type { NetworkState } from '../network/architecture.js';
import { answers, evenly, largest, type Scorer } from './scoring.js';
import { VALIDATION_LIMIT, WARM_MIXES } from './settings.js';

/**
 * Weights between the champion's and the trained ones that make the fewest errors on validation and fresh corrections
 * together; of several equally good ones the nearest to the trained. A mean of weights keeps old abilities better than
 * either end where both come from the same start (Wortsman et al. 2022, robust fine-tuning). The moving statistics are
 * the same at both ends.
 */
export async function mixWithChampion(champion: NetworkState, scorer: Scorer): Promise<Float32Array> {
  const { fresh, validation } = scorer.data.groups;
  const judged = [evenly(validation, VALIDATION_LIMIT), evenly(fresh, VALIDATION_LIMIT)];
  const trained = scorer.state.parameters;
  let best = { parameters: trained, errors: Infinity };
  for (const share of WARM_MIXES) {
    const parameters = trained.map((value, index) => {
      const old = champion.parameters[index] ?? 0;
      return old + share * (value - old);
    });
    const state = { parameters, statistics: scorer.state.statistics };
    let errors = 0;
    for (const examples of judged) errors += await errorsOf({ ...scorer, state }, examples);
    if (errors < best.errors) best = { parameters, errors };
    if (errors === 0) break;
  }
  return best.parameters;
}

async function errorsOf(scorer: Scorer, examples: Uint32Array): Promise<number> {
  let errors = 0;
  for (const batch of answers(scorer, examples)) {
    for (const { example, probabilities } of batch) {
      if (largest(probabilities) !== scorer.data.label[example]) errors++;
    }
    await setImmediate();
  }
  return errors;
}
