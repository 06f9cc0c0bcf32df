import { expect } from 'chai';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createTemporalClient } from '../../temporal/client.js';
import type { TemporalClient } from '../../temporal/types.js';
import { freePort } from '../support/parts.js';
import { createWorld, ended, startRig, type Rig } from './rig.js';

const ASK = { mode: 'full', trigger: 'start', requestedBy: 'set-up' } as const;
const LONGEST_ANSWER_MS = 5_500;

/** Every call of the client that needs the server. */
const calls: Record<string, (client: TemporalClient) => Promise<unknown>> = {
  startRetrain: (client) => client.startRetrain(ASK),
  listRuns: (client) => client.listRuns({ limit: 10 }),
  getRun: (client) => client.getRun('5e8e1f50-0000-4000-8000-000000000000'),
  cancelRun: (client) => client.cancelRun('5e8e1f50-0000-4000-8000-000000000000'),
  promote: (client) => client.promote({ version: '1', by: 'ann', why: 'a test' }),
  schedule: (client) => client.schedule(),
  updateSchedule: (client) => client.updateSchedule({ paused: true }),
  triggerSchedule: (client) => client.triggerSchedule(),
  ping: (client) => client.ping(),
};

const versions = { byAlias: () => Promise.resolve(null), get: () => Promise.resolve({ version: '1' }) };

describe('the client without a server', function () {
  this.timeout(30_000);

  for (const [name, call] of Object.entries(calls)) {
    it(`fails soon in ${name} where nothing listens`, async () => {
      const address = `127.0.0.1:${await freePort()}`;
      const client = createTemporalClient({ address, namespace: 'default', environment: {}, versions });
      const begun = performance.now();
      const refusal: unknown = await call(client).catch((error: unknown) => error);
      expect(refusal).to.include({ code: 'TEMPORAL_UNREACHABLE' });
      expect((refusal as Error).message).to.contain(address);
      expect(performance.now() - begun).to.be.below(LONGEST_ANSWER_MS);
      await client.close();
    });
  }

  it('fails within its deadline where something listens and never answers', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const client = createTemporalClient({
      address,
      namespace: 'default',
      environment: {},
      versions,
      deadlineMs: 700,
    });
    expect(await client.ping().catch((error: unknown) => error)).to.include({ code: 'TEMPORAL_UNREACHABLE' });
    await client.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe('the client', function () {
  this.timeout(60_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig.stop());

  it('comes back by itself when the server does', async () => {
    const client = rig.medloop(createWorld());
    await client.ping();
    await rig.temporal.kill9();
    expect(await client.ping().catch((error: unknown) => error)).to.include({ code: 'TEMPORAL_UNREACHABLE' });
    await rig.temporal.restart();
    for (let answered = false; !answered;) {
      answered = await client.ping().then(
        () => true,
        () => false,
      );
    }
  });

  it('has no runs at first', async () => {
    const client = rig.medloop(createWorld());
    expect(await client.listRuns({ limit: 10 })).to.deep.equal({ runs: [], nextCursor: null });
  });

  it('knows no run that never was, whatever its id looks like', async () => {
    const client = rig.medloop(createWorld());
    for (const id of ['5e8e1f50-0000-4000-8000-000000000000', 'nonsense', '../x']) {
      expect(await client.getRun(id)).to.equal(null);
      const refusal: unknown = await client.cancelRun(id).catch((error: unknown) => error);
      expect(refusal).to.include({ code: 'RUN_NOT_FOUND' });
    }
  });

  it('lists a run at once, before any worker has come, with what was asked for', async () => {
    const client = rig.medloop(createWorld());
    const { id } = await client.startRetrain(ASK);
    const { runs } = await client.listRuns({ limit: 10 });
    expect(runs).to.have.length(1);
    expect(runs[0]).to.deep.include({ id, ...ASK, state: 'running', outcome: null, endedAt: null });
    expect(new Set(runs[0]!.steps.map((step) => step.state))).to.deep.equal(new Set(['pending']));
    await rig.raw.workflow.getHandle('retrain/medical-mnist').terminate('a test');
    const run = await client.getRun(id);
    expect(run).to.deep.include({ state: 'failed' });
    expect(run!.failure).to.deep.include({ code: 'TERMINATED' });
    expect(new Set(run!.steps.map((step) => step.state))).to.deep.equal(new Set(['skipped']));
  });

  it('pages through all runs, newest first, each once', async () => {
    const world = createWorld();
    const client = rig.medloop(world);
    const started = await rig.withWorkers(world, async () => {
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        const { id } = await client.startRetrain(ASK);
        await ended(client, id);
        ids.unshift(id);
      }
      return ids;
    });
    // Visibility lags a little behind the executions.
    for (let listed = 0; listed < 6;) listed = (await client.listRuns({ limit: 50 })).runs.length;
    const pages: string[][] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await client.listRuns({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      pages.push(page.runs.map((run) => run.id));
      cursor = page.nextCursor;
    }
    expect(pages.map((page) => page.length)).to.deep.equal([2, 2, 2]);
    expect(pages.flat().slice(0, 5)).to.deep.equal(started);
    expect(new Set(pages.flat()).size).to.equal(6);
  });

  it('shows earlier runs in a listing as it shows them one by one', async () => {
    const client = rig.medloop(createWorld());
    const { runs } = await client.listRuns({ limit: 50 });
    expect(runs).to.have.length(6);
    for (const run of runs) expect(run).to.deep.equal(await client.getRun(run.id));
  });

  it('refuses a cursor that it never gave', async () => {
    const client = rig.medloop(createWorld());
    for (const cursor of ['', 'x', "2026-01-01' OR '1'='1"]) {
      const refusal: unknown = await client.listRuns({ limit: 2, cursor }).catch((error: unknown) => error);
      expect(refusal, cursor).to.include({ code: 'CURSOR_INVALID' });
    }
  });

  it('says that it was refused where the namespace does not exist', async () => {
    const client = rig.medloop(createWorld(), { namespace: 'elsewhere' });
    for (const call of [calls['ping']!, calls['startRetrain']!, calls['schedule']!]) {
      expect(await call(client).catch((error: unknown) => error)).to.include({ code: 'TEMPORAL_DENIED' });
    }
  });
});
