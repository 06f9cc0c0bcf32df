/** The weekly run: snapshot, train, evaluate, register, promote, verify. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { evaluateModel, registerModel, snapshotCorrections, trainModel } from './activities.js';
import { isAliasMoved, messageOf, moveAlias } from './alias.js';
import {
  STATUS_QUERY,
  type GateReason,
  type RetrainInput,
  type RetrainOutcome,
  type RunStatus,
  type SEARCH_ATTRIBUTES,
  type Verdict,
} from './contract.js';
import { StepTracker } from './steps.js';

// eslint-disable-next-line temporal/workflow-require-explicit-payload-types -- it has no arguments to declare
const statusQuery = defineQuery<RunStatus>(STATUS_QUERY);

/**
 * Trains, judges and, if it is better, promotes one model version. A refusal and "nothing new" are results; it fails
 * only with the failure of an activity, and a cancellation leaves the alias where it was.
 */
export async function retrain(input: RetrainInput): Promise<RetrainOutcome> {
  const tracker = new StepTracker();
  // eslint-disable-next-line temporal/workflow-no-floating-promises -- the rule takes setHandler for asynchronous; it returns nothing
  setHandler(statusQuery, () => tracker.status());
  tag({ MedloopModel: input.model, MedloopTrigger: input.trigger });
  try {
    const outcome = await run(input, tracker);
    tag({ MedloopVerdict: outcome.verdict });
    tracker.close(outcome);
    return outcome;
  } catch (error) {
    tracker.close(null);
    throw error;
  }
}

async function run(input: RetrainInput, tracker: StepTracker): Promise<RetrainOutcome> {
  const { model } = input;
  const startedAtMs = Date.now();
  const taken = await tracker.run('snapshot', () => snapshotCorrections({ model, mode: input.mode }));
  const { snapshot, championVersion } = taken;
  tag({ MedloopSnapshot: snapshot });
  const end = (verdict: Verdict, version: string | null, reasons: readonly GateReason[]): RetrainOutcome => ({
    verdict,
    modelVersion: version,
    snapshot,
    reasons,
  });
  if (taken.nothingNew) return end('nothing-new', null, []);

  // Without a champion there is nothing to start warm from, and the small warm budget would not do.
  const mode = championVersion === null ? 'full' : input.mode;
  const training = await tracker.run('train', () =>
    trainModel({
      model,
      snapshot,
      championVersion,
      settings: { mode, seed: input.seed, ...input[mode] },
      checkpointEveryMs: input.checkpointEveryMs,
    }),
  );
  const challenger = training.model;
  const evaluation = await tracker.run('evaluate', () =>
    evaluateModel({ model, snapshot, challenger, championVersion, policy: input.policy }),
  );
  const { version } = await tracker.run('register', () =>
    registerModel({
      model,
      snapshot,
      challenger,
      training,
      evaluation,
      championVersion,
      startedAtMs,
      requestedBy: input.requestedBy,
    }),
  );
  tag({ MedloopVersion: version });
  if (!evaluation.promote) return end('refused', version, evaluation.reasons);

  try {
    const move = await moveAlias({
      model,
      version,
      expected: championVersion,
      by: input.requestedBy,
      why:
        championVersion === null
          ? 'the first version; the gate found it good enough'
          : `the gate found it better than version ${championVersion}`,
      verifyTimeoutMs: input.verifyTimeoutMs,
      step: (name, action, succeeded) => tracker.run(name, action, succeeded),
    });
    if (move.verified) return end('promoted', version, evaluation.reasons);
    const reasons = [
      ...evaluation.reasons,
      { code: 'NOT_VERIFIED', passed: false, text: move.details.join(' ') },
    ];
    // The first version stays although it was not confirmed: "rolled back" would not be true.
    return end(championVersion === null ? 'promoted' : 'rolled-back', version, reasons);
  } catch (error) {
    if (!isAliasMoved(error)) throw error;
    // It was measured against a version that is no longer in production, so its yes is worth nothing.
    const text = `Version ${version} was not promoted: ${messageOf(error)}`;
    return end('refused', version, [...evaluation.reasons, { code: 'ALIAS_MOVED', passed: false, text }]);
  }
}

function tag(values: Partial<Record<keyof typeof SEARCH_ATTRIBUTES, string>>): void {
  upsertSearchAttributes(
    Object.entries(values).map(([name, value]) => ({
      key: defineSearchAttributeKey(name, 'KEYWORD'),
      value,
    })),
  );
}
