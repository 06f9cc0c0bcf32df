import { expect } from 'chai';
import { CancelledFailure } from '@temporalio/common';
import { Context, heartbeat } from '@temporalio/activity';
import { TRAINING_DEFAULTS } from '../../activities/defaults.js';
import { createWorld, ended, failure, startRig, states, until, type Rig } from './rig.js';

const ASK = { mode: 'warm', trigger: 'manual', requestedBy: 'ann' } as const;

describe('retrain', function () {
  this.timeout(60_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig.stop());

  it('takes all six steps and promotes a better version', async () => {
    const world = createWorld();
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(world.calls.map((call) => call.name)).to.deep.equal([
      'snapshotCorrections',
      'trainModel',
      'evaluateModel',
      'registerModel',
      'promoteModel',
      'verifyServing',
    ]);
    expect(run.state).to.equal('succeeded');
    expect(run.outcome).to.deep.include({ verdict: 'promoted', modelVersion: '2', snapshot: '00000002' });
    expect(new Set(Object.values(states(run)))).to.deep.equal(new Set(['succeeded']));
    expect(run.steps.map((step) => step.attempt)).to.deep.equal([1, 1, 1, 1, 1, 1]);
    expect(run).to.deep.include({ trigger: 'manual', mode: 'warm', requestedBy: 'ann', failure: null });
    expect(world.registry).to.deep.include({ prod: '2', previous: '1' });
    expect(world.inputs('trainModel')[0]).to.deep.nested.include({ 'settings.mode': 'warm' });
  });

  it('tags the run with model, trigger, snapshot, version and verdict', async () => {
    const world = createWorld();
    const client = rig.medloop(world);
    const { id } = await rig.withWorkers(world, async () => {
      const started = await client.startRetrain(ASK);
      await ended(client, started.id);
      return started;
    });
    const { typedSearchAttributes } = await rig.raw.workflow
      .getHandle('retrain/medical-mnist', id)
      .describe();
    expect(
      Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])),
    ).to.include({
      MedloopModel: 'medical-mnist',
      MedloopTrigger: 'manual',
      MedloopSnapshot: '00000002',
      MedloopVersion: '2',
      MedloopVerdict: 'promoted',
    });
  });

  it('trains in full with the full budget where there is no champion yet', async () => {
    const world = createWorld({}, { prod: null, previous: null, versions: [] });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(world.inputs('trainModel')[0]).to.deep.nested.include({
      'settings.mode': 'full',
      'settings.epochs': TRAINING_DEFAULTS.full.epochs,
    });
    expect(world.registry.prod).to.equal('1');
  });

  it('registers a version that the gate refuses and leaves the alias alone', async () => {
    const reason = { code: 'CLASS_RECALL', passed: false, text: 'Hand fell by 3 points.' };
    const world = createWorld({
      evaluateModel: () => ({ promote: false, reasons: [reason], metrics: {} }),
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.state).to.equal('succeeded');
    expect(run.outcome).to.deep.include({ verdict: 'refused', modelVersion: '2', reasons: [reason] });
    expect(states(run)).to.include({ register: 'succeeded', promote: 'skipped', verify: 'skipped' });
    expect(world.registry.prod).to.equal('1');
  });

  it('ends at once where nothing is new', async () => {
    const world = createWorld({
      snapshotCorrections: () => ({
        snapshot: '00000001' as never,
        digest: 'd',
        taken: 0,
        championVersion: '1' as never,
        nothingNew: true,
      }),
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.state).to.equal('succeeded');
    expect(run.outcome).to.deep.include({ verdict: 'nothing-new', modelVersion: null });
    expect(world.calls).to.have.length(1);
    expect(states(run)).to.include({ snapshot: 'succeeded', train: 'skipped', verify: 'skipped' });
  });

  it('refuses a second run while one is running, and names it', async () => {
    const world = createWorld({
      trainModel: async () => {
        await Context.current().cancelled;
        throw new Error('not reached');
      },
    });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      const refusal: unknown = await client.startRetrain(ASK).catch((error: unknown) => error);
      expect(refusal).to.include({ code: 'RUN_IN_PROGRESS', runId: id });
      await client.cancelRun(id);
      await ended(client, id);
    });
    expect(world.inputs('snapshotCorrections')).to.have.length(1);
  });

  it('puts the alias back when serving does not confirm the version', async () => {
    const world = createWorld({
      verifyServing: () => ({ verified: false, details: ['http://a serves version 1.'] }),
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.state).to.equal('succeeded');
    expect(run.outcome).to.deep.include({ verdict: 'rolled-back', modelVersion: '2' });
    expect(run.outcome!.reasons.at(-1)).to.deep.include({ code: 'NOT_VERIFIED', passed: false });
    expect(run.outcome!.reasons.at(-1)!.text).to.contain('The alias is back at 1.');
    expect(states(run)).to.include({ promote: 'succeeded', verify: 'failed' });
    expect(world.inputs('promoteModel')[1]).to.deep.include({ version: '1', expected: '2' });
    expect(world.registry.prod).to.equal('1');
  });

  it('puts the alias back when verification itself fails for good', async () => {
    const world = createWorld({
      verifyServing: () => {
        throw failure('STORAGE_REJECTED', 'no address to ask');
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.outcome).to.deep.include({ verdict: 'rolled-back' });
    expect(run.outcome!.reasons.at(-1)!.text).to.contain('no address to ask');
    expect(world.registry.prod).to.equal('1');
  });

  it('leaves an unconfirmed first version in place and says so', async () => {
    const world = createWorld(
      { verifyServing: () => ({ verified: false, details: ['http://a does not answer.'] }) },
      { prod: null, previous: null, versions: [] },
    );
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.outcome).to.deep.include({ verdict: 'promoted', modelVersion: '1' });
    expect(run.outcome!.reasons.at(-1)).to.deep.include({ code: 'NOT_VERIFIED', passed: false });
    expect(run.outcome!.reasons.at(-1)!.text).to.contain('There is no earlier version to go back to');
    expect(states(run)).to.include({ verify: 'failed' });
    expect(world.registry.prod).to.equal('1');
  });

  it('does not promote over an alias that someone moved during the run', async () => {
    const world = createWorld({
      registerModel: () => {
        world.registry.versions.push('2', '3');
        world.registry.prod = '2';
        return { version: '3' as never };
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.state).to.equal('succeeded');
    expect(run.outcome).to.deep.include({ verdict: 'refused', modelVersion: '3' });
    expect(run.outcome!.reasons.at(-1)).to.deep.include({ code: 'ALIAS_MOVED', passed: false });
    expect(states(run)).to.include({ promote: 'failed', verify: 'skipped' });
    expect(world.registry.prod).to.equal('2');
  });

  it('leaves the alias to whoever moved it while the version was being verified', async () => {
    const world = createWorld({
      verifyServing: () => {
        world.registry.prod = '7';
        return { verified: false, details: [] };
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.outcome!.verdict).to.equal('rolled-back');
    expect(run.outcome!.reasons.at(-1)!.text).to.contain('moved by someone else');
    expect(world.registry.prod).to.equal('7');
  });

  it('waits for the trainer to go when it is cancelled, and keeps the alias', async () => {
    const seen: string[] = [];
    const world = createWorld({
      trainModel: async () => {
        const context = Context.current();
        const beating = setInterval(() => {
          heartbeat({ progress: null, checkpoint: null });
        }, 100);
        try {
          seen.push('training');
          await context.cancelled.catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 400));
          seen.push('last checkpoint written');
          throw new CancelledFailure('CANCELLED');
        } finally {
          clearInterval(beating);
        }
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      await until(() => (seen.length > 0 ? true : null));
      await client.cancelRun(id);
      const result = await ended(client, id);
      expect(seen).to.deep.equal(['training', 'last checkpoint written']);
      const again: unknown = await client.cancelRun(id).catch((error: unknown) => error);
      expect(again).to.include({ code: 'RUN_ENDED' });
      return result;
    });
    expect(run).to.deep.include({ state: 'cancelled', outcome: null, failure: null });
    expect(states(run)).to.include({ snapshot: 'succeeded', train: 'cancelled', evaluate: 'skipped' });
    expect(world.registry.prod).to.equal('1');
  });

  it('puts the alias back when it is cancelled while it verifies', async () => {
    const seen: string[] = [];
    const world = createWorld({
      verifyServing: async () => {
        seen.push('verifying');
        const beating = setInterval(() => {
          heartbeat(null);
        }, 100);
        try {
          await Context.current().cancelled;
        } finally {
          clearInterval(beating);
        }
        throw new Error('not reached');
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      await until(() => (seen.length > 0 ? true : null));
      await client.cancelRun(id);
      return ended(client, id);
    });
    expect(run.state).to.equal('cancelled');
    expect(states(run)).to.include({ promote: 'succeeded', verify: 'cancelled' });
    expect(world.registry.prod).to.equal('1');
  });

  it('tries a step again, shows why meanwhile, and counts the attempts', async () => {
    let tries = 0;
    const world = createWorld({
      registerModel: () => {
        tries += 1;
        if (tries < 3) throw failure('STORAGE_UNAVAILABLE', 'MLflow does not answer');
        world.registry.versions.push('2');
        return { version: '2' as never };
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      const waiting = await until(async () => {
        const step = (await client.getRun(id))?.steps.find((one) => one.name === 'register');
        return step?.lastFailure === undefined ? null : step;
      });
      expect(waiting.state).to.equal('running');
      expect(waiting.lastFailure).to.deep.equal({
        code: 'STORAGE_UNAVAILABLE',
        message: 'MLflow does not answer',
      });
      return ended(client, id);
    });
    expect(run.outcome!.verdict).to.equal('promoted');
    expect(run.steps.find((step) => step.name === 'register')).to.deep.include({
      attempt: 3,
      state: 'succeeded',
    });
  });

  it('fails with the code of a fault that trying again cannot mend', async () => {
    const world = createWorld({
      trainModel: () => {
        throw failure('TRAINING_DIVERGED', 'the loss became NaN at step 12');
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.state).to.equal('failed');
    expect(run.failure).to.deep.equal({
      code: 'TRAINING_DIVERGED',
      message: 'The step train failed: the loss became NaN at step 12',
    });
    expect(states(run)).to.include({ train: 'failed', evaluate: 'skipped', promote: 'skipped' });
    expect(world.inputs('trainModel')).to.have.length(1);
  });

  it('gives up after four tries where nobody knows what is wrong', async () => {
    const world = createWorld({
      evaluateModel: () => {
        throw failure('UNEXPECTED', 'x is not a function');
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => ended(client, (await client.startRetrain(ASK)).id));
    expect(run.failure).to.deep.equal({
      code: 'UNEXPECTED',
      message: 'The step evaluate failed: x is not a function',
    });
    expect(run.steps.find((step) => step.name === 'evaluate')).to.deep.include({
      attempt: 4,
      state: 'failed',
    });
  });

  it('shows the live progress of the trainer', async () => {
    const progress = {
      step: 5,
      totalSteps: 10,
      epoch: 1,
      totalEpochs: 2,
      loss: 0.5,
      imagesPerSecond: 100,
      remainingSeconds: 3,
      epochs: [],
    };
    let finish: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => (finish = resolve));
    const world = createWorld({
      trainModel: async ({ settings }) => {
        heartbeat({ progress, checkpoint: null });
        await seen;
        return {
          model: { runId: 'run', digest: 'd' as never },
          settings,
          steps: 10,
          seconds: 1,
          parameters: 1,
        };
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      const live = await until(async () => {
        const now = await client.getRun(id);
        return now?.progress ? now : null;
      });
      expect(live.progress).to.deep.equal(progress);
      expect(live.steps.find((step) => step.name === 'train')).to.deep.include({
        state: 'running',
        attempt: 1,
      });
      finish();
      return ended(client, id);
    });
    expect(run.progress).to.equal(null);
  });

  it('goes on after the server was killed in the middle of a run', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let training = false;
    const world = createWorld({
      trainModel: async ({ settings }) => {
        training = true;
        const beating = setInterval(() => {
          heartbeat({ progress: null, checkpoint: null });
        }, 200);
        try {
          await held;
        } finally {
          clearInterval(beating);
        }
        return {
          model: { runId: 'run', digest: 'd' as never },
          settings,
          steps: 1,
          seconds: 1,
          parameters: 1,
        };
      },
    });
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain(ASK);
      await until(() => (training ? true : null));
      await rig.temporal.kill9();
      const down: unknown = await client.getRun(id).catch((error: unknown) => error);
      expect(down).to.include({ code: 'TEMPORAL_UNREACHABLE' });
      await rig.temporal.restart();
      release();
      return until(async () => {
        const now = await client.getRun(id).catch(() => null);
        return now === null || now.state === 'running' ? null : now;
      });
    });
    expect(run.outcome).to.deep.include({ verdict: 'promoted' });
    expect(world.inputs('registerModel')).to.have.length(1);
  });
});
