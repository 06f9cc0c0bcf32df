import { expect } from 'chai';
import { NO_DETAILS } from '../../../temporal/run-history.js';
import { readFailure, toRun } from '../../../temporal/run-view.js';
import type { RunStatus } from '../../../workflows/contract.js';

const CODE = 0 as never;
const started = new Date('2026-11-23T03:00:00Z');
const info = (
  name: 'RUNNING' | 'TERMINATED' | 'TIMED_OUT' | 'CANCELLED',
  memo?: Record<string, unknown>,
) => ({
  runId: 'r1',
  status: { code: CODE, name },
  startTime: started,
  ...(name === 'RUNNING' ? {} : { closeTime: new Date('2026-11-23T03:10:00Z') }),
  ...(memo === undefined ? {} : { memo }),
});
const training: RunStatus = {
  outcome: null,
  steps: [
    {
      name: 'snapshot',
      state: 'succeeded',
      startedAt: started.toISOString(),
      endedAt: started.toISOString(),
    },
    { name: 'train', state: 'running', startedAt: started.toISOString(), endedAt: null },
    { name: 'evaluate', state: 'pending', startedAt: null, endedAt: null },
  ],
};

describe('a run as Temporal keeps it', () => {
  it('is readable without any memo', () => {
    const run = toRun(info('RUNNING'), new Map(), NO_DETAILS);
    expect(run).to.deep.include({ id: 'r1', state: 'running', requestedBy: 'unknown', outcome: null });
    expect(run.steps.map((step) => step.attempt)).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });

  it('has no running step left when it was terminated', () => {
    const run = toRun(info('TERMINATED', { status: training }), new Map(), NO_DETAILS);
    expect(run.steps.map((step) => step.state).slice(0, 3)).to.deep.equal(['succeeded', 'failed', 'skipped']);
    expect(run.failure).to.deep.include({ code: 'TERMINATED' });
  });

  it('names a time-out as the failure', () => {
    expect(toRun(info('TIMED_OUT'), new Map(), NO_DETAILS).failure).to.deep.include({ code: 'TIMED_OUT' });
  });

  it('has no failure when it was cancelled', () => {
    const run = toRun(info('CANCELLED', { status: training }), new Map(), NO_DETAILS);
    expect(run.failure).to.equal(null);
    expect(run.steps[1]!.state).to.equal('cancelled');
  });

  it('shows the attempt and the latest failure of a step that is being tried again', () => {
    const lastFailure = { code: 'TRAINER_CRASHED', message: 'the trainer was killed' };
    const pending = new Map([['train' as const, { attempt: 4, progress: null, lastFailure }]]);
    const run = toRun(info('RUNNING', { status: training }), pending, NO_DETAILS);
    expect(run.steps[1]).to.deep.include({ state: 'running', attempt: 4, lastFailure });
  });
});

describe('a failure in a history', () => {
  it('is that of the application, and names the step', () => {
    const failure = readFailure({
      message: 'Activity task failed',
      activityFailureInfo: { activityType: { name: 'registerModel' } },
      cause: { message: 'MLflow refused', applicationFailureInfo: { type: 'STORAGE_REJECTED' } },
    });
    expect(failure).to.deep.equal({
      code: 'STORAGE_REJECTED',
      message: 'The step register failed: MLflow refused',
    });
  });

  it('is a time-out where a step never answered', () => {
    const failure = readFailure({
      activityFailureInfo: { activityType: { name: 'trainModel' } },
      cause: { message: 'activity Heartbeat timeout', timeoutFailureInfo: {} },
    });
    expect(failure).to.deep.equal({
      code: 'TIMED_OUT',
      message: 'The step train took too long to answer.',
    });
  });

  it('is "unexpected" where nothing of it is known', () => {
    expect(readFailure({ message: 'odd' })).to.deep.equal({ code: 'UNEXPECTED', message: 'odd' });
  });
});
