/** The schedule's thin entry: a fixed-id child, so that a scheduled and an ad-hoc retrain never run side by side. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  CancellationScope,
} from '@temporalio/workflow';
import {
  CONTROL_QUEUE,
  REQUEST_MEMO,
  retrainWorkflowId,
  type RetrainInput,
  type RunRequest,
  type ScheduledRetrainOutcome,
} from './contract.js';
import { retrain } from './retrain.js';

/** Runs `retrain` and answers as it did; a run that is already under way is the result `already-running`. */
export async function scheduledRetrain(input: RetrainInput): Promise<ScheduledRetrainOutcome> {
  const request: RunRequest = { mode: input.mode, trigger: input.trigger, requestedBy: input.requestedBy };
  const ended = { modelVersion: null, snapshot: null, reasons: [] };
  try {
    return await executeChild(retrain, {
      args: [input],
      workflowId: retrainWorkflowId(input.model),
      taskQueue: CONTROL_QUEUE,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      memo: { [REQUEST_MEMO]: request },
      staticSummary: `${input.mode} retrain of ${input.model} by the schedule`,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      return { verdict: 'already-running', ...ended };
    }
    // Someone cancelled the retrain alone. As a failure it would pause the schedule for good.
    if (isCancellation(error) && !CancellationScope.current().consideredCancelled) {
      return { verdict: 'cancelled', ...ended };
    }
    throw error;
  }
}
