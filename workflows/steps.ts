/** The steps of a retrain as the memo, the `status` query and the Temporal UI show them. */
import { isCancellation, setCurrentDetails, upsertMemo } from '@temporalio/workflow';
import {
  STATUS_MEMO,
  STEP_NAMES,
  type RetrainOutcome,
  type RunStatus,
  type StepName,
  type StepState,
  type StepStatus,
} from './contract.js';

/** Follows one run through its steps and publishes each change. */
export class StepTracker {
  private steps: StepStatus[] = STEP_NAMES.map((name) => ({
    name,
    state: 'pending',
    startedAt: null,
    endedAt: null,
  }));
  private outcome: RetrainOutcome | null = null;

  status(): RunStatus {
    return { steps: this.steps, outcome: this.outcome };
  }

  /**
   * Runs one step. A step that throws ends as `failed` or, when the run was cancelled, `cancelled`; `succeeded` may
   * find in the result that the step did not reach its aim although nothing was thrown.
   */
  async run<T>(
    name: StepName,
    action: () => Promise<T>,
    succeeded: (result: T) => boolean = () => true,
  ): Promise<T> {
    this.set(name, { state: 'running', startedAt: new Date().toISOString() });
    this.publish();
    try {
      const result = await action();
      // Published with the next step's start or the run's end, which follow in the same workflow task.
      this.end(name, succeeded(result) ? 'succeeded' : 'failed');
      return result;
    } catch (error) {
      this.end(name, isCancellation(error) ? 'cancelled' : 'failed');
      throw error;
    }
  }

  /** Closes the book: whatever has not begun will not, and the memo says how the run ended. */
  close(outcome: RetrainOutcome | null): void {
    this.steps = this.steps.map((step) => (step.state === 'pending' ? { ...step, state: 'skipped' } : step));
    this.outcome = outcome;
    this.publish();
  }

  private end(name: StepName, state: StepState): void {
    this.set(name, { state, endedAt: new Date().toISOString() });
  }

  private set(name: StepName, change: Partial<StepStatus>): void {
    this.steps = this.steps.map((step) => (step.name === name ? { ...step, ...change } : step));
  }

  private publish(): void {
    upsertMemo({ [STATUS_MEMO]: this.status() });
    setCurrentDetails(asMarkdown(this.status()));
  }
}

function asMarkdown({ steps, outcome }: RunStatus): string {
  const rows = steps.map(
    (step) => `| ${step.name} | ${step.state} | ${step.startedAt ?? ''} | ${step.endedAt ?? ''} |`,
  );
  const table = ['| step | state | started | ended |', '| --- | --- | --- | --- |', ...rows].join('\n');
  if (outcome === null) return table;
  const version = outcome.modelVersion === null ? '' : ` (version ${outcome.modelVersion})`;
  const reasons = outcome.reasons.map((reason) => `- ${reason.passed ? 'yes' : 'no'}: ${reason.text}`);
  return [`**${outcome.verdict}**${version}`, '', ...reasons, '', table].join('\n');
}
