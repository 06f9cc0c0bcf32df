/** Promotion and rollback by hand: the same move, proof and way back as at the end of a retrain. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { PromoteInput } from '../activities/types.js';
import { moveAlias } from './alias.js';
import type { PromotionInput, PromotionOutcome } from './contract.js';

/** Fails with `ALIAS_MOVED` when `prod` is no longer at `expected`; a version that is not confirmed is a result. */
export async function promotion(input: PromotionInput): Promise<PromotionOutcome> {
  upsertSearchAttributes([
    { key: defineSearchAttributeKey('MedloopModel', 'KEYWORD'), value: input.model },
    { key: defineSearchAttributeKey('MedloopVersion', 'KEYWORD'), value: input.version },
  ]);
  setCurrentDetails(`${input.action} to version ${input.version}, asked for by ${input.by}: ${input.why}`);
  const result = await moveAlias({
    model: input.model,
    version: input.version as PromoteInput['version'],
    expected: input.expected as PromoteInput['expected'],
    by: input.by,
    why: input.why,
    verifyTimeoutMs: input.verifyTimeoutMs,
    step: (_name, action) => action(),
  });
  return { version: input.version, previous: input.expected, ...result };
}
