/** Training as an activity: real checkpoints in a real S3 server, and a trainer that fails in every way. */
import { CancelledFailure, type ApplicationFailure } from '@temporalio/common';
import type { MockActivityEnvironment } from '@temporalio/testing';
import { expect } from 'chai';
import { once } from 'node:events';
import { guarded } from '../../../activities/failures.js';
import type { ActivityPorts } from '../../../activities/ports.js';
import { createTrainModel } from '../../../activities/training/activity.js';
import type { TrainHeartbeat, TrainInput, TrainResult } from '../../../activities/types.js';
import type { SnapshotId } from '../../../storage/types.js';
import { activityEnvironment } from './environment.js';
import { openRig, trainInput, type Rig } from './rig.js';

describe('training as an activity', function () {
  this.timeout(120_000);
  let rig: Rig;
  let snapshot: SnapshotId;
  let runs = 0;
  /** What an undisturbed training ends with. */
  let expected: string;

  /** One attempt of a run, with the beats that it sends. */
  interface Attempt {
    readonly environment: MockActivityEnvironment;
    readonly beats: TrainHeartbeat[];
    readonly result: Promise<TrainResult>;
    /** Resolves with the first beat for which `test` holds. */
    until(test: (beat: TrainHeartbeat) => boolean): Promise<TrainHeartbeat>;
  }
  const attempt = (
    runId: string,
    number: number,
    ports: ActivityPorts,
    options: { known?: TrainHeartbeat | undefined; input?: Partial<TrainInput> } = {},
  ): Attempt => {
    const environment = activityEnvironment({
      attempt: number,
      workflowExecution: { workflowId: 'retrain/medical-mnist', runId },
      heartbeatDetails: options.known,
    });
    const beats: TrainHeartbeat[] = [];
    // Copied, as Temporal would by writing it down.
    environment.on('heartbeat', (beat: TrainHeartbeat) => beats.push(structuredClone(beat)));
    const step = guarded(createTrainModel(ports));
    const result = environment.run<[TrainInput], TrainResult, typeof step>(
      step,
      trainInput(snapshot, options.input),
    );
    result.catch(() => undefined);
    return {
      ...{ environment, beats, result },
      until: async (test) => {
        for (;;) {
          const found = beats.find(test);
          if (found !== undefined) return found;
          const ended = result.then(() => {
            throw new Error('the attempt ended without that beat');
          });
          await Promise.race([once(environment, 'heartbeat'), ended]);
        }
      },
    };
  };
  const nextRun = (): string => `run-${String(++runs)}`;
  const thrown = async (promise: Promise<unknown>): Promise<unknown> => {
    try {
      await promise;
    } catch (error) {
      return error;
    }
    throw new Error('it did not fail');
  };
  const weights = async (result: TrainResult): Promise<string> => rig.modelFile(result.model, 'weights.txt');
  const latestStep = async (runId: string): Promise<number | null> =>
    (await rig.storage.runFiles.latestCheckpoint(runId))?.step ?? null;
  const lastTrainerIsGone = (): boolean => {
    const trainer = rig.trainers.at(-1);
    return trainer !== undefined && (trainer.exitCode !== null || trainer.signalCode !== null);
  };

  before(async () => {
    rig = await openRig();
    snapshot = await rig.importPhantoms(2);
    expected = await weights(await attempt(nextRun(), 1, rig.faking(['good'])).result);
  });
  after(() => rig.close());
  afterEach(async () => {
    expect(await rig.leftovers(), 'work folders').to.deep.equal([]);
    expect(lastTrainerIsGone(), 'the trainer is gone').to.equal(true);
  });

  it('keeps the model and drops the checkpoints', async () => {
    const runId = nextRun();
    const { result, beats } = attempt(runId, 1, rig.faking(['good']));
    const done = await result;
    expect(done).to.deep.include({ steps: 60, parameters: 2, settings: trainInput(snapshot).settings });
    expect(await weights(done)).to.equal(expected);
    expect(beats.some((beat) => beat.checkpoint !== null)).to.equal(true);
    expect(await latestStep(runId)).to.equal(null);
    expect(await thrown(rig.modelFile(done.model, 'checkpoint-60/state.json'))).to.have.property(
      'code',
      'ENOENT',
    );
  });

  it('does not train again when only its answer was lost', async () => {
    const runId = nextRun();
    const first = await attempt(runId, 1, rig.faking(['good'])).result;
    const started = rig.trainers.length;
    expect(await attempt(runId, 2, rig.faking(['good'])).result).to.deep.equal(first);
    expect(rig.trainers.length).to.equal(started);
  });

  it('goes on from the last checkpoint after a crash, to the very same weights', async () => {
    const runId = nextRun();
    const first = attempt(runId, 1, rig.faking(['crash', '40']));
    const failure = (await thrown(first.result)) as ApplicationFailure;
    expect(failure.type).to.equal('TRAINER_CRASHED');
    expect(failure.nonRetryable).to.equal(false);
    expect(failure.message).to.match(/exit code 3[^]*TypeError: cannot read weights/);
    const saved = await latestStep(runId);
    expect(saved).to.be.within(1, 40);

    const known = first.beats.at(-1);
    const second = attempt(runId, 2, rig.faking(['good']), { known });
    expect(second.beats[0], 'the first beat of a retry').to.deep.equal(known);
    expect(await weights(await second.result)).to.equal(expected);
    const steps = second.beats.flatMap((beat) => (beat.progress === null ? [] : [beat.progress.step]));
    const fresh = steps.filter((step) => step !== known?.progress?.step);
    expect(Math.min(...fresh)).to.be.greaterThan(saved ?? Infinity);
    expect(second.beats.every((beat) => beat.checkpoint !== null)).to.equal(true);
  });

  it('goes on after a kill -9 of the trainer, to the very same weights', async () => {
    const runId = nextRun();
    const first = attempt(runId, 1, rig.faking(['slow']));
    await first.until((beat) => beat.checkpoint !== null);
    rig.trainers.at(-1)?.kill('SIGKILL');
    const failure = (await thrown(first.result)) as ApplicationFailure;
    expect(failure.type).to.equal('TRAINER_CRASHED');
    expect(failure.message).to.include('SIGKILL');
    const second = attempt(runId, 2, rig.faking(['good']), { known: first.beats.at(-1) });
    expect(await weights(await second.result)).to.equal(expected);
  });

  for (const [name, reason] of [
    ['a cancellation', 'CANCELLED'],
    ['the end of its worker', 'WORKER_SHUTDOWN'],
  ] as const) {
    it(`stops at ${name} with a last checkpoint from which another attempt goes on`, async () => {
      const runId = nextRun();
      const first = attempt(runId, 1, rig.faking(['slow']), { input: { checkpointEveryMs: 600_000 } });
      const seen = await first.until((beat) => (beat.progress?.step ?? 0) >= 5);
      first.environment.cancel(reason);
      const failure = await thrown(first.result);
      if (reason === 'CANCELLED') expect(failure).to.be.instanceOf(CancelledFailure);
      else expect(failure).to.include({ type: 'TRAINER_STOPPED', nonRetryable: false });
      expect(await latestStep(runId)).to.be.at.least(seen.progress?.step ?? Infinity);
      expect(await weights(await attempt(runId, 2, rig.faking(['good'])).result)).to.equal(expected);
    });
  }

  it('kills a trainer that does not stop when it is told to', async () => {
    const runId = nextRun();
    const ports = rig.faking(['deaf']);
    const impatient = { ...ports, trainerTimes: { ...ports.trainerTimes, stopMs: 100 } };
    const input = { settings: { ...trainInput(snapshot).settings, epochs: 1_000_000 } };
    const first = attempt(runId, 1, impatient, { input });
    await first.until((beat) => beat.checkpoint !== null);
    first.environment.cancel('CANCELLED');
    expect(await thrown(first.result)).to.be.instanceOf(CancelledFailure);
    expect(rig.trainers.at(-1)?.signalCode).to.equal('SIGKILL');
    expect(await latestStep(runId)).to.be.greaterThan(0);
  });

  it('writes nothing more once Temporal has given it up', async () => {
    const runId = nextRun();
    const first = attempt(runId, 1, rig.faking(['slow']), { input: { checkpointEveryMs: 600_000 } });
    await first.until((beat) => (beat.progress?.step ?? 0) >= 5);
    first.environment.cancel('TIMED_OUT');
    await thrown(first.result);
    expect(await latestStep(runId)).to.equal(null);
  });

  it('gives way to a later attempt that has taken the run over', async () => {
    const runId = nextRun();
    const old = attempt(runId, 1, rig.faking(['slow']));
    await old.until((beat) => beat.checkpoint !== null);
    const later = attempt(runId, 2, rig.faking(['slow']));
    const failure = (await thrown(old.result)) as ApplicationFailure;
    expect(failure.type).to.equal('TRAINER_STOPPED');
    expect(failure.message).to.include('later attempt');
    expect(await weights(await later.result)).to.equal(expected);
    expect(
      await thrown(
        attempt(nextRun(), 1, {
          ...rig.faking(['good']),
          runFiles: { ...rig.ports.runFiles, readDocument: () => Promise.resolve({ attempt: 7 }) },
        }).result,
      ),
    ).to.include({ type: 'TRAINER_STOPPED' });
  });

  it('starts anew when the trainer refuses the checkpoint', async () => {
    const runId = nextRun();
    await thrown(attempt(runId, 1, rig.faking(['crash', '40'])).result);
    const second = attempt(runId, 2, rig.faking(['picky']));
    expect(await weights(await second.result)).to.equal(expected);
  });

  it('starts anew when the checkpoint is damaged in the store', async () => {
    const runId = nextRun();
    await thrown(attempt(runId, 1, rig.faking(['crash', '40'])).result);
    for await (const { key } of rig.storage.objects.list(`runs/${runId}/checkpoints/`)) {
      if (key.endsWith('state.json')) await rig.storage.objects.put(key, '{}');
    }
    expect(await weights(await attempt(runId, 2, rig.faking(['good'])).result)).to.equal(expected);
  });

  it('does not try a training again that diverged', async () => {
    const failure = (await thrown(
      attempt(nextRun(), 1, rig.faking(['fail', 'TRAINING_DIVERGED'])).result,
    )) as ApplicationFailure;
    expect(failure).to.include({ type: 'TRAINING_DIVERGED', nonRetryable: true });
    const unknown = (await thrown(
      attempt(nextRun(), 1, rig.faking(['fail', 'ODD'])).result,
    )) as ApplicationFailure;
    expect(unknown).to.include({ type: 'TRAINER_CRASHED', nonRetryable: false });
  });

  it('kills a trainer that hangs', async () => {
    const ports = rig.faking(['hang', '20']);
    const failure = (await thrown(
      attempt(nextRun(), 1, { ...ports, trainerTimes: { ...ports.trainerTimes, silenceMs: 1500 } }).result,
    )) as ApplicationFailure;
    expect(failure).to.include({ type: 'TRAINER_CRASHED', nonRetryable: false });
    expect(failure.message).to.include('said nothing');
  });

  it('trains in full where a warm start has no champion', async () => {
    const settings = { ...trainInput(snapshot).settings, mode: 'warm' as const };
    const done = await attempt(nextRun(), 1, rig.faking(['good']), { input: { settings } }).result;
    expect(done.settings.mode).to.equal('full');
    expect(await weights(done)).to.equal(expected);
  });

  it('fails with DATA_MISSING for a snapshot that is not there', async () => {
    const input = { snapshot: '00000099' as SnapshotId };
    const failure = await thrown(attempt(nextRun(), 1, rig.faking(['good']), { input }).result);
    expect(failure).to.include({ type: 'DATA_MISSING', nonRetryable: true });
  });

  it('trains on while the store is gone, and saves when it is back', async () => {
    const first = attempt(nextRun(), 1, rig.faking(['slow']));
    await first.until((beat) => beat.checkpoint !== null);
    const closed = once(rig.trainers.at(-1)!, 'close');
    await rig.s3.kill9();
    const [end] = (await closed) as [number];
    expect(end).to.equal(0);
    await rig.s3.restart();
    expect(await weights(await first.result)).to.equal(expected);
  });
});
