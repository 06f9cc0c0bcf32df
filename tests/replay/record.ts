/**
 * Records the histories that the replay test guards: `node dist/tests/replay/record.js [case …]`. Only for a workflow
 * whose change is meant to break running ones; an ordinary change must replay the old files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { projectRoot } from '../../config/paths.js';
import { ensureSchedule } from '../../temporal/schedule.js';
import type { TemporalClient } from '../../temporal/types.js';
import { createWorld, ended, failure, startRig, until, type Rig, type World } from '../workflows/rig.js';

const ASK = { mode: 'warm', trigger: 'manual', requestedBy: 'ann' } as const;
const RETRAIN = 'retrain/medical-mnist';
const PROMOTION = 'promotion/medical-mnist';

interface Case {
  /** File name without its ending: workflow and case. */
  readonly name: string;
  readonly world: () => World;
  /** Runs the case and gives the id of the workflow to record. */
  readonly play: (client: TemporalClient, world: World, rig: Rig) => Promise<string>;
}

async function retrainToEnd(client: TemporalClient): Promise<string> {
  await ended(client, (await client.startRetrain(ASK)).id);
  return RETRAIN;
}

const waitingForCancel = async (): Promise<never> => {
  const context = Context.current();
  const beating = setInterval(() => {
    context.heartbeat({ progress: null, checkpoint: null });
  }, 100);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beating);
  }
};

const CASES: readonly Case[] = [
  { name: 'retrain-happy', world: () => createWorld(), play: retrainToEnd },
  {
    name: 'retrain-first',
    world: () => createWorld({}, { prod: null, previous: null, versions: [] }),
    play: retrainToEnd,
  },
  {
    name: 'retrain-refused',
    world: () =>
      createWorld({
        evaluateModel: () => ({
          promote: false,
          reasons: [{ code: 'GOLDEN', passed: false, text: 'The golden accuracy fell.' }],
          metrics: {},
        }),
      }),
    play: retrainToEnd,
  },
  {
    name: 'retrain-nothing-new',
    world: () =>
      createWorld({
        snapshotCorrections: () => ({
          snapshot: '00000001' as never,
          digest: 'd',
          taken: 0,
          championVersion: '1' as never,
          nothingNew: true,
        }),
      }),
    play: retrainToEnd,
  },
  {
    name: 'retrain-resumed',
    world: () => {
      let attempts = 0;
      return createWorld({
        trainModel: ({ settings }) => {
          attempts += 1;
          Context.current().heartbeat({
            progress: null,
            checkpoint: { runId: 'r', attempt: attempts, step: 5 },
          });
          if (attempts === 1) throw failure('TRAINER_CRASHED', 'the trainer was killed');
          return {
            model: { runId: 'r', digest: 'd' as never },
            settings,
            steps: 10,
            seconds: 1,
            parameters: 1,
          };
        },
      });
    },
    play: retrainToEnd,
  },
  {
    name: 'retrain-failed',
    world: () =>
      createWorld({
        trainModel: () => {
          throw failure('DATA_MISSING', 'a part is damaged');
        },
      }),
    play: retrainToEnd,
  },
  {
    name: 'retrain-cancelled',
    world: () => createWorld({ trainModel: waitingForCancel }),
    async play(client, world) {
      const { id } = await client.startRetrain(ASK);
      await until(() => (world.inputs('trainModel').length > 0 ? true : null));
      await client.cancelRun(id);
      await ended(client, id);
      return RETRAIN;
    },
  },
  {
    name: 'retrain-cancelled-while-verifying',
    world: () => createWorld({ verifyServing: waitingForCancel }),
    async play(client, world) {
      const { id } = await client.startRetrain(ASK);
      await until(() => (world.inputs('verifyServing').length > 0 ? true : null));
      await client.cancelRun(id);
      await ended(client, id);
      return RETRAIN;
    },
  },
  {
    name: 'retrain-rolled-back',
    world: () => createWorld({ verifyServing: () => ({ verified: false, details: ['An API serves 1.'] }) }),
    play: retrainToEnd,
  },
  {
    name: 'retrain-alias-moved',
    world: () =>
      createWorld({
        promoteModel: () => {
          throw failure('ALIAS_MOVED', 'prod is at 3 and not at 1');
        },
      }),
    play: retrainToEnd,
  },
  {
    name: 'scheduledRetrain-happy',
    world: () => createWorld(),
    play: (client, _world, rig) => scheduledToEnd(client, rig),
  },
  {
    name: 'scheduledRetrain-already-running',
    world: () => createWorld({ trainModel: waitingForCancel }),
    async play(client, _world, rig) {
      const { id } = await client.startRetrain(ASK);
      const scheduled = await scheduledToEnd(client, rig);
      await client.cancelRun(id);
      await ended(client, id);
      return scheduled;
    },
  },
  {
    name: 'promotion-happy',
    world: () => createWorld({}, { prod: '1', previous: null, versions: ['1', '2'] }),
    async play(client) {
      await client.promote({ version: '2', by: 'ann', why: 'a test' });
      return PROMOTION;
    },
  },
  {
    name: 'promotion-moved-back',
    world: () =>
      createWorld(
        { verifyServing: () => ({ verified: false, details: ['An API serves 1.'] }) },
        { prod: '1', previous: null, versions: ['1', '2'] },
      ),
    async play(client) {
      await client.promote({ version: '2', by: 'ann', why: 'a test' });
      return PROMOTION;
    },
  },
];

async function scheduledToEnd(client: TemporalClient, rig: Rig): Promise<string> {
  const handle = rig.raw.schedule.getHandle('weekly-retrain');
  const before = await handle.describe().then(
    ({ info }) => info.numActionsTaken,
    () => 0,
  );
  await ensureSchedule(rig.raw, { cron: '0 3 * * 1', timezone: 'UTC' });
  await client.triggerSchedule();
  const id = await until(async () => {
    const { info } = await handle.describe();
    return info.numActionsTaken > before
      ? (info.recentActions.at(-1)?.action.workflow.workflowId ?? null)
      : null;
  });
  await rig.raw.workflow.getHandle(id).result();
  return id;
}

const folder = join(projectRoot(), 'tests', 'replay', 'histories');
mkdirSync(folder, { recursive: true });
const wanted = process.argv.slice(2);
const rig = await startRig();
for (const { name, world: make, play } of CASES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const world = make();
  const client = rig.medloop(world);
  const workflowId = await rig.withWorkers(world, () => play(client, world, rig));
  const history = await rig.raw.workflow.getHandle(workflowId).fetchHistory();
  // Which process on which machine did the work, and where the code lay there, changes with every recording.
  const text = historyToJSON(history)
    .replaceAll(`${process.pid}@${hostname()}`, 'recorder')
    .replaceAll(projectRoot(), '');
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  console.log(`${name}: ${history.events?.length ?? 0} events`);
}
await rig.stop();
