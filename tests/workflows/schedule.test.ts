import { expect } from 'chai';
import { Context } from '@temporalio/activity';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { ensureSchedule } from '../../temporal/schedule.js';
import { createWorld, ended, failure, startRig, until, type Rig } from './rig.js';

const PLAN = { cron: '0 3 * * 1', timezone: 'Europe/Berlin' };

describe('the weekly schedule', function () {
  this.timeout(60_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  beforeEach(async () => {
    await rig.raw.schedule
      .getHandle('weekly-retrain')
      .delete()
      .catch(() => undefined);
  });
  after(() => rig.stop());

  it('is said to be missing before it was set up', async () => {
    const client = rig.medloop(createWorld());
    for (const ask of [() => client.schedule(), () => client.triggerSchedule()]) {
      expect(await ask().catch((error: unknown) => error)).to.include({ code: 'SCHEDULE_MISSING' });
    }
  });

  it('is created as configured, with its policies spelled out', async () => {
    expect(await ensureSchedule(rig.raw, PLAN)).to.equal('created');
    const status = await rig.medloop(createWorld()).schedule();
    expect(status).to.deep.include({ ...PLAN, paused: false, note: null, lastRunAt: null });
    const [next] = status.nextTimes;
    expect(
      new Intl.DateTimeFormat('en-GB', { ...HOUR, timeZone: PLAN.timezone }).format(new Date(next!)),
    ).to.match(/^Mon(day)?.* 03:00/);
    const { policies, action } = await rig.raw.schedule.getHandle('weekly-retrain').describe();
    expect(policies).to.deep.equal({
      overlap: ScheduleOverlapPolicy.SKIP,
      catchupWindow: 3 * 86_400_000,
      pauseOnFailure: true,
    });
    expect(action.args![0]).to.deep.include({ mode: 'warm', trigger: 'schedule' });
  });

  it('keeps pause, note and cron that someone changed when it is set up again', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const client = rig.medloop(createWorld());
    const changed = await client.updateSchedule({ paused: true, cron: '30 4 1-7 */2 SUN', note: 'holidays' });
    expect(changed).to.deep.include({ paused: true, cron: '30 4 1-7 */2 0', note: 'holidays' });
    expect(await ensureSchedule(rig.raw, PLAN)).to.equal('updated');
    expect(await client.schedule()).to.deep.include({
      paused: true,
      cron: '30 4 1-7 */2 0',
      note: 'holidays',
      timezone: PLAN.timezone,
    });
  });

  it('takes a plan that was changed in the configuration', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const client = rig.medloop(createWorld());
    await client.updateSchedule({ paused: true });
    await ensureSchedule(rig.raw, { cron: '15 5 * * 2', timezone: 'UTC' });
    expect(await until(async () => onCron(await client.schedule(), '15 5 * * 2'))).to.deep.include({
      timezone: 'UTC',
      paused: true,
    });
  });

  it('drops the note with the pause that it explained', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const client = rig.medloop(createWorld());
    await client.updateSchedule({ paused: true, note: 'holidays' });
    expect(await client.updateSchedule({ paused: false })).to.deep.include({ paused: false, note: null });
  });

  it('refuses a cron expression that is not understood', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const client = rig.medloop(createWorld());
    for (const cron of ['weekly', '0 3 * *', '0 25 * * 1', '0 3 * * 1 2031', '@every 1s']) {
      const refusal: unknown = await client.updateSchedule({ cron }).catch((error: unknown) => error);
      expect(refusal, cron).to.include({ code: 'SCHEDULE_INVALID' });
    }
    expect((await client.schedule()).cron).to.equal(PLAN.cron);
  });

  it('refuses a time zone that does not exist', async () => {
    const refusal: unknown = await ensureSchedule(rig.raw, { ...PLAN, timezone: 'Mars/Olympus' }).catch(
      (error: unknown) => error,
    );
    expect(refusal).to.include({ code: 'SCHEDULE_INVALID' });
  });

  it('starts a retrain under the fixed id and notes when', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const world = createWorld();
    const client = rig.medloop(world);
    const run = await rig.withWorkers(world, async () => {
      await client.triggerSchedule();
      const started = await until(async () => (await client.listRuns({ limit: 1 })).runs[0] ?? null);
      return ended(client, started.id);
    });
    expect(run).to.deep.include({ trigger: 'schedule', requestedBy: 'schedule', state: 'succeeded' });
    expect((await client.schedule()).lastRunAt).to.be.a('string');
  });

  it('skips a tick while the last scheduled run goes on', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const handle = rig.raw.schedule.getHandle('weekly-retrain');
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const world = createWorld({
      registerModel: async () => {
        await held;
        return { version: '2' as never };
      },
    });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      await client.triggerSchedule();
      await until(() => (world.inputs('registerModel').length > 0 ? true : null));
      await client.triggerSchedule();
      await until(async () => ((await handle.describe()).info.numActionsSkippedOverlap > 0 ? true : null));
      release();
      const [run] = (await client.listRuns({ limit: 1 })).runs;
      await ended(client, run!.id);
    });
    expect(world.inputs('snapshotCorrections')).to.have.length(1);
  });

  it('ends as "already running" beside a retrain that someone started, and is not paused by it', async () => {
    await ensureSchedule(rig.raw, PLAN);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const world = createWorld({
      registerModel: async () => {
        await held;
        return { version: '2' as never };
      },
    });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain({ mode: 'warm', trigger: 'manual', requestedBy: 'ann' });
      await until(() => (world.inputs('registerModel').length > 0 ? true : null));
      await client.triggerSchedule();
      const outcome = await scheduledOutcome(rig);
      expect(outcome).to.deep.include({ verdict: 'already-running' });
      release();
      await ended(client, id);
    });
    expect((await client.schedule()).paused).to.equal(false);
    expect(world.inputs('snapshotCorrections')).to.have.length(1);
  });

  it('is not paused by a retrain that someone cancels', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const world = createWorld({
      registerModel: async () => {
        await Context.current().cancelled;
        throw new Error('not reached');
      },
    });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      await client.triggerSchedule();
      await until(() => (world.inputs('registerModel').length > 0 ? true : null));
      const [run] = (await client.listRuns({ limit: 1 })).runs;
      await client.cancelRun(run!.id);
      expect((await ended(client, run!.id)).state).to.equal('cancelled');
      expect(await scheduledOutcome(rig)).to.deep.include({ verdict: 'cancelled' });
    });
    expect((await client.schedule()).paused).to.equal(false);
  });

  it('is paused by a retrain that fails, with a note', async () => {
    await ensureSchedule(rig.raw, PLAN);
    const world = createWorld({
      trainModel: () => {
        throw failure('DATA_MISSING', 'a part is damaged');
      },
    });
    const client = rig.medloop(world);
    const status = await rig.withWorkers(world, async () => {
      await client.triggerSchedule();
      return until(async () => {
        const now = await client.schedule();
        return now.paused ? now : null;
      });
    });
    expect(status.note).to.be.a('string');
  });
});

const HOUR = { weekday: 'long', hour: '2-digit', minute: '2-digit', hour12: false } as const;

function onCron<T extends { cron: string }>(status: T, cron: string): T | null {
  return status.cron === cron ? status : null;
}

/** The result of the scheduled workflow that was started last. */
async function scheduledOutcome(rig: Rig): Promise<unknown> {
  const workflow = await until(async () => {
    const { info } = await rig.raw.schedule.getHandle('weekly-retrain').describe();
    return info.recentActions.at(-1)?.action.workflow ?? null;
  });
  return rig.raw.workflow.getHandle(workflow.workflowId).result();
}
