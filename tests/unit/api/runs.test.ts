/** Runs, models, schedule and data over HTTP. */
import { Readable } from 'node:stream';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import { expect } from 'chai';
import type { ModelsView, RunView, RunsPage } from '../../../api/schema.js';
import { TemporalError } from '../../../temporal/errors.js';
import { run } from './fake-temporal.js';
import { startApp, version, type TestApp } from './support.js';

const json = (method: string, body: unknown) => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

describe('runs', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.stop());

  it('starts one, and answers a second with 409 and the id of the first', async () => {
    const first = await app.call(
      'startRun',
      '/api/v1/runs',
      json('POST', { mode: 'full', requestedBy: 'Ada' }),
    );
    expect([first.status, first.body]).to.deep.equal([202, { id: 'run-1' }]);
    expect(first.headers.get('location')).to.equal('/api/v1/runs/run-1');
    const second = await app.call('startRun', '/api/v1/runs', { method: 'POST' });
    expect([second.status, second.problem?.code]).to.deep.equal([409, 'RUN_IN_PROGRESS']);
    expect((second.body as { id: string }).id).to.equal('run-1');
    expect(app.temporal.runs.get('run-1')).to.include({ mode: 'full', requestedBy: 'Ada' });
  });

  it('shows runs with a link to the Temporal UI', async () => {
    app.temporal.runs.set('run-1', run('run-1'));
    const one = (await app.call('getRun', '/api/v1/runs/run-1')).body as RunView;
    expect(one.temporalUrl).to.equal(
      'http://127.0.0.1:8233/namespaces/default/workflows/retrain%2Fmedical-mnist/run-1/history',
    );
    const page = (await app.call('listRuns', '/api/v1/runs?limit=5')).body as RunsPage;
    expect(page.runs).to.deep.equal([one]);
  });

  it('refuses a mode or a body that it does not know', async () => {
    const mode = await app.call('startRun', '/api/v1/runs', json('POST', { mode: 'slow' }));
    expect(mode.problem?.code).to.equal('REQUEST_INVALID');
    const text = await app.call('startRun', '/api/v1/runs', { method: 'POST', body: 'mode=full' });
    expect([text.status, text.problem?.code]).to.deep.equal([415, 'BODY_UNSUPPORTED']);
    const large = await app.call('startRun', '/api/v1/runs', json('POST', { mode: 'x'.repeat(70_000) }));
    expect([large.status, large.problem?.code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
    const list = await app.call('startRun', '/api/v1/runs', json('POST', [1]));
    expect(list.problem?.code).to.equal('REQUEST_INVALID');
  });

  it('cancels a run, and says when there is none or it has ended', async () => {
    app.temporal.runs.set('run-1', run('run-1'));
    const cancel = (id: string) => app.call('cancelRun', `/api/v1/runs/${id}/cancel`, { method: 'POST' });
    expect((await cancel('run-1')).status).to.equal(202);
    const ended = await cancel('run-1');
    expect([ended.status, ended.problem?.code]).to.deep.equal([409, 'RUN_ENDED']);
    const unknown = await cancel('run-2');
    expect([unknown.status, unknown.problem?.code]).to.deep.equal([404, 'RUN_NOT_FOUND']);
  });

  it('answers 503 when Temporal is down or hangs, without its address', async () => {
    for (const [mood, code] of [
      ['down', 'TEMPORAL_UNREACHABLE'],
      ['hanging', 'PART_TIMEOUT'],
    ] as const) {
      app.temporal.gate.mood = mood;
      const answers = await Promise.all([
        app.call('startRun', '/api/v1/runs', { method: 'POST' }),
        app.call('listRuns', '/api/v1/runs'),
        app.call('getRun', '/api/v1/runs/x'),
        app.call('watchRun', '/api/v1/runs/x/events'),
        app.call('getSchedule', '/api/v1/schedule'),
        app.call('promoteModel', '/api/v1/models/1/promote', { method: 'POST' }),
      ]);
      for (const answer of answers) {
        expect([answer.status, answer.problem?.code]).to.deep.equal([503, code]);
        expect(answer.problem?.detail).not.to.include('10.0.0.1');
      }
    }
  });

  describe('events', () => {
    /** Reads server-sent events until the stream ends. */
    async function events(
      path: string,
      onEvent: (view: RunView, count: number) => void,
      onComment: () => void = () => undefined,
    ): Promise<string> {
      const response = await fetch(`${app.url}${path}`);
      expect(response.headers.get('content-type')).to.equal('text/event-stream');
      expect(response.headers.get('content-encoding')).to.equal(null);
      let text = '';
      let rest = '';
      let count = 0;
      for await (const chunk of Readable.fromWeb(response.body as NodeStream)) {
        const piece = Buffer.from(chunk as Uint8Array).toString('utf8');
        text += piece;
        rest += piece;
        const blocks = rest.split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          if (block.startsWith(':')) onComment();
          const data = /^data: (.*)$/m.exec(block)?.[1];
          if (data !== undefined) onEvent(JSON.parse(data) as RunView, (count += 1));
        }
      }
      return text;
    }

    it('sends each change once, survives a while without Temporal, and ends with the run', async () => {
      app.temporal.runs.set('r', run('r'));
      const seen: string[] = [];
      const text = await events('/api/v1/runs/r/events', (view, count) => {
        seen.push(`${view.state} ${view.steps[1]?.attempt}`);
        if (count === 1) {
          app.temporal.gate.mood = 'down';
          setTimeout(() => {
            const steps = run('r').steps.map((step) => ({ ...step, attempt: 2 }));
            app.temporal.runs.set('r', run('r', { steps }));
            app.temporal.gate.mood = 'ok';
          }, 30);
        }
        if (count === 2) {
          app.temporal.runs.set('r', run('r', { state: 'succeeded', endedAt: '2026-01-05T03:09:00.000Z' }));
        }
      });
      expect(seen).to.deep.equal(['running 1', 'running 2', 'succeeded 1']);
      expect(text).to.match(/id: end\ndata: .*\n\n$/);
    });

    it('keeps a quiet stream alive with comments', async () => {
      app.temporal.runs.set('r', run('r'));
      let comments = 0;
      await events(
        '/api/v1/runs/r/events',
        () => undefined,
        () => {
          comments += 1;
          if (comments === 3) app.temporal.runs.set('r', run('r', { state: 'failed' }));
        },
      );
      expect(comments).to.be.at.least(3);
    });

    it('sends an ended run once, tells a browser that comes again to stop, and answers 404 for none', async () => {
      app.temporal.runs.set('r', run('r', { state: 'succeeded' }));
      const answer = await app.call('watchRun', '/api/v1/runs/r/events');
      expect((answer.body as string).match(/data: /g)).to.have.length(1);
      const again = await app.call('watchRun', '/api/v1/runs/r/events', {
        headers: { 'last-event-id': 'end' },
      });
      expect(again.status).to.equal(204);
      expect((await app.call('watchRun', '/api/v1/runs/x/events')).problem?.code).to.equal('RUN_NOT_FOUND');
    });

    it('stops reading the run when nobody watches any more', async () => {
      let reads = 0;
      const watched = await startApp({
        ports: {
          temporal: {
            ...app.temporal.client,
            getRun: (id) => {
              reads += 1;
              return Promise.resolve(run(id));
            },
          },
        },
      });
      try {
        const gone = new AbortController();
        const response = await fetch(`${watched.url}/api/v1/runs/r/events`, { signal: gone.signal });
        const closed = new Promise((resolve) =>
          watched.server.once('request', (_req, res) => res.once('close', resolve)),
        );
        const second = new AbortController();
        await fetch(`${watched.url}/api/v1/runs/r/events`, { signal: second.signal });
        gone.abort();
        second.abort();
        await response.text().catch(() => undefined);
        await closed;
        await new Promise((resolve) => setTimeout(resolve, 50));
        const after = reads;
        await new Promise((resolve) => setTimeout(resolve, 60));
        expect(reads).to.equal(after);
      } finally {
        await watched.stop();
      }
    });
  });
});

describe('models, schedule and data', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.stop());

  it('lists versions with their pages in MLflow, and the one that answers', async () => {
    await app.serve('2', 3);
    app.registry.versions.push(
      version('2', {
        aliases: ['prod'],
        promotions: [
          { at: '2026-01-05T03:10:00.000Z', by: 'gate', from: null, to: version('2').version, why: 'better' },
        ],
      }),
      version('1', { metrics: { accuracy: 0.5, undefinedRecall: NaN } }),
    );
    const body = (await app.call('listModels', '/api/v1/models')).body as ModelsView;
    expect(body.models.map((one) => one.version)).to.deep.equal(['2', '1']);
    expect(body.models[0]?.mlflowUrl).to.match(/versions\/2$/);
    expect(body.serving?.version).to.equal('2');
    const one = await app.call('getModel', '/api/v1/models/1');
    expect(one.body).to.deep.include({ version: '1', promotions: [], metrics: { accuracy: 0.5 } });
  });

  it('says what is wrong with a version', async () => {
    const unknown = await app.call('getModel', '/api/v1/models/9');
    expect([unknown.status, unknown.problem?.code]).to.deep.equal([404, 'VERSION_NOT_FOUND']);
    const wrong = await app.call('getModel', '/api/v1/models/latest');
    expect([wrong.status, wrong.problem?.code]).to.deep.equal([400, 'REQUEST_INVALID']);
    app.registry.gate.mood = 'down';
    const down = await app.call('listModels', '/api/v1/models');
    expect([down.status, down.problem?.code]).to.deep.equal([503, 'MLFLOW_UNREACHABLE']);
  });

  it('promotes and rolls back, passing on who and why', async () => {
    const promoted = await app.call(
      'promoteModel',
      '/api/v1/models/3/promote',
      json('POST', { by: 'Ada', why: 'looked at it' }),
    );
    expect(promoted.body).to.deep.include({ version: '3', verified: true });
    expect((await app.call('rollbackModel', '/api/v1/models/rollback', { method: 'POST' })).status).to.equal(
      200,
    );
    expect(app.temporal.asked).to.deep.equal([
      'promote 3 by Ada: looked at it',
      'rollback by anonymous: no reason given',
    ]);
  });

  it('passes on why the alias was not moved', async () => {
    for (const [code, status] of [
      ['PROMOTION_IN_PROGRESS', 409],
      ['PROMOTION_FAILED', 409],
      ['NOTHING_TO_ROLL_BACK', 409],
    ] as const) {
      app.temporal.onPromotion(() => Promise.reject(new TemporalError(code, 'Because.')));
      const answer = await app.call('rollbackModel', '/api/v1/models/rollback', { method: 'POST' });
      expect([answer.status, answer.problem?.code, answer.problem?.detail]).to.deep.equal([
        status,
        code,
        'Because.',
      ]);
    }
  });

  it('shows, changes and triggers the schedule', async () => {
    expect((await app.call('getSchedule', '/api/v1/schedule')).status).to.equal(200);
    const paused = await app.call(
      'changeSchedule',
      '/api/v1/schedule',
      json('PATCH', { paused: true, note: 'holidays' }),
    );
    expect(paused.body).to.deep.include({ paused: true, note: 'holidays' });
    const nothing = await app.call('changeSchedule', '/api/v1/schedule', json('PATCH', { note: 'x' }));
    expect(nothing.problem?.code).to.equal('REQUEST_INVALID');
    const cron = await app.call('changeSchedule', '/api/v1/schedule', json('PATCH', { cron: 'not a cron' }));
    expect([cron.status, cron.problem?.code]).to.deep.equal([400, 'SCHEDULE_INVALID']);
    expect(
      (await app.call('triggerSchedule', '/api/v1/schedule/trigger', { method: 'POST' })).status,
    ).to.equal(202);
    expect(app.temporal.asked).to.deep.equal(['trigger']);
  });

  it('lists the snapshots of the data set', async () => {
    const answer = await app.call('getData', '/api/v1/data');
    expect(answer.body).to.have.nested.property('snapshots[0].id', '00000001');
    app.snapshots.gate.mood = 'down';
    expect((await app.call('getData', '/api/v1/data')).problem?.code).to.equal('S3_UNREACHABLE');
  });
});
