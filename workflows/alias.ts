/** Moving the alias: compare-and-set, proof by every API, and the way back. Used by retrains and by hand. */
import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { PromoteInput } from '../activities/types.js';
import { ALIAS_MOVED, promoteModel, verifyServing } from './activities.js';

/** Runs `action` as a step; `succeeded` may say that a step failed although it returned. */
export type StepRunner = <T>(
  name: 'promote' | 'verify',
  action: () => Promise<T>,
  succeeded?: (result: T) => boolean,
) => Promise<T>;

export interface AliasMove extends PromoteInput {
  readonly verifyTimeoutMs: number;
  readonly step: StepRunner;
}

export interface AliasMoveResult {
  readonly verified: boolean;
  readonly movedBack: boolean;
  /** One sentence for each serving address, and what became of the alias. */
  readonly details: readonly string[];
}

/** True for the failure of a compare-and-set: someone else moved the alias. */
export function isAliasMoved(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === ALIAS_MOVED
  );
}

/** What a failure that ended an activity says, without the names of Temporal's own wrappers. */
export function messageOf(error: unknown): string {
  if (error instanceof ActivityFailure && error.cause !== undefined) return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Points `prod` at `version`, waits until every API serves it, and points it back where one does not. A cancellation
 * also moves it back: who cancels does not want the version. Fails like `promoteModel`, `ALIAS_MOVED` included.
 */
export async function moveAlias(move: AliasMove): Promise<AliasMoveResult> {
  const { verifyTimeoutMs, step, ...promotion } = move;
  // Not cancellable: an alias that may or may not have moved would be worse than one that has.
  await step('promote', () => CancellationScope.nonCancellable(() => promoteModel(promotion)));
  let details: readonly string[];
  try {
    const answer = await step(
      'verify',
      () =>
        verifyServing(verifyTimeoutMs)({
          model: move.model,
          version: move.version,
          timeoutMs: verifyTimeoutMs,
        }),
      (result) => result.verified,
    );
    if (answer.verified) return { verified: true, movedBack: false, details: answer.details };
    details = answer.details;
  } catch (error) {
    const back = await moveBack(move);
    if (isCancellation(error)) throw error;
    return {
      verified: false,
      movedBack: back.movedBack,
      details: [`Verification ended with an error: ${messageOf(error)}.`, back.detail],
    };
  }
  const back = await moveBack(move);
  return { verified: false, movedBack: back.movedBack, details: [...details, back.detail] };
}

async function moveBack(move: AliasMove): Promise<{ movedBack: boolean; detail: string }> {
  const { model, version, expected } = move;
  if (expected === null) {
    return {
      movedBack: false,
      detail: `There is no earlier version to go back to; the alias stays at ${version}.`,
    };
  }
  if (expected === version) {
    return { movedBack: false, detail: `The alias was at ${version} before and stays there.` };
  }
  try {
    await CancellationScope.nonCancellable(() =>
      promoteModel({
        model,
        version: expected,
        expected: version,
        by: move.by,
        why: `version ${version} was not confirmed by serving`,
        takeBack: true,
      }),
    );
    return { movedBack: true, detail: `The alias is back at ${expected}.` };
  } catch (error) {
    if (!isAliasMoved(error)) throw error;
    return {
      movedBack: false,
      detail: `The alias was moved by someone else in the meantime and stays there.`,
    };
  }
}
