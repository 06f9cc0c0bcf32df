/** Health, readiness, figures, description, guards, unknown addresses and the page. */
import { connect } from 'node:net';
import { expect } from 'chai';
import { CATALOGUE, type ErrorCode } from '../../../api/errors.js';
import { OPERATIONS, type Operation } from '../../../api/operations.js';
import type { Info, Readiness } from '../../../api/schema.js';
import { form, LABELS, picture, raw, startApp, type TestApp } from './support.js';

const codeOf = (body: string): unknown => (JSON.parse(body) as { code: unknown }).code;

describe('service', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.stop());

  it('is alive without any part, and ready once a model is loaded, whatever the parts say', async () => {
    app.corrections.gate.mood = app.temporal.gate.mood = 'down';
    expect((await app.call('getHealth', '/healthz')).status).to.equal(200);
    const before = await app.call('getReadiness', '/readyz');
    expect(before.status).to.equal(503);
    expect(before.body).to.deep.include({ ready: false, serving: null });
    await app.serve('4', 1);
    const after = await app.call('getReadiness', '/readyz');
    expect(after.status).to.equal(200);
    const { parts, serving } = after.body as Readiness;
    expect(serving?.version).to.equal('4');
    expect([parts.model.ok, parts.s3.ok, parts.mlflow.ok, parts.temporal.ok]).to.deep.equal([
      true,
      false,
      true,
      false,
    ]);
    expect(parts.s3.detail).to.match(/^S3_UNREACHABLE: /);
    expect(JSON.stringify(after.body)).not.to.include('10.0.0.1');
  });

  it('shows a version that was offered and not taken', async () => {
    const refused = {
      version: '5',
      code: 'MODEL_CHECK_FAILED',
      message: 'x',
      at: '2026-01-05T03:10:00.000Z',
    };
    const other = await startApp({ ports: { watcher: { state: () => ({ refused }) } } });
    try {
      await other.serve('4', 1);
      const answer = await other.call('getReadiness', '/readyz');
      expect(answer.status).to.equal(200);
      expect((answer.body as Readiness).refused).to.deep.equal(refused);
      expect((answer.body as Readiness).parts.model.ok).to.equal(false);
    } finally {
      await other.stop();
    }
  });

  it('tells the page classes, addresses and limits, also while S3 is down', async () => {
    expect(((await app.call('getInfo', '/api/v1/info')).body as Info).labels).to.deep.equal([...LABELS]);
    const other = await startApp();
    other.snapshots.gate.mood = 'down';
    try {
      expect(((await other.call('getInfo', '/api/v1/info')).body as Info).labels).to.deep.equal([]);
    } finally {
      await other.stop();
    }
  });

  it('counts requests, predictions and corrections by name', async () => {
    await app.serve('4', 1);
    const body = form([{ name: 'a', bytes: await picture(1) }]);
    await app.call('createPredictions', '/api/v1/predictions', { method: 'POST', body });
    await app.call('getRun', '/api/v1/runs/none');
    await fetch(`${app.url}/no/such.txt`);
    const wanted = [
      'medloop_predictions_total{outcome="ok",version="4"} 1',
      'route="/api/v1/predictions",status="200"',
      'route="/api/v1/runs/:id",status="404"',
      'route="other",status="404"',
    ];
    // A request is counted when its connection is done with it, which a client may see a moment earlier.
    for (;;) {
      const text = (await app.call('getMetrics', '/metrics')).body as string;
      if (wanted.every((line) => text.includes(line))) return;
    }
  });

  it('describes every operation with its errors in OpenAPI', async () => {
    const document = (await app.call('getOpenApi', '/api/v1/openapi.json')).body as {
      paths: Record<string, Record<string, { responses: Record<string, unknown>; operationId: string }>>;
      components: { schemas: Record<string, unknown> };
    };
    for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
      const found = document.paths[operation.path.replace(/:(\w+)/g, '{$1}')]?.[operation.method];
      expect(found?.operationId).to.equal(id);
      for (const status of Object.keys(operation.responses))
        expect(found!.responses).to.have.property(status);
      for (const code of operation.errors) {
        const { status } = CATALOGUE[code];
        if (operation.responses[status]) continue;
        expect(JSON.stringify(found!.responses[status]), `${id} ${code}`).to.include(code);
      }
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).to.be.above(20);
    for (const [, name] of references) expect(document.components.schemas).to.have.property(name!);
  });

  it('answers unknown addresses and methods with problems', async () => {
    const cases: readonly [string, string, number, ErrorCode][] = [
      ['GET', '/api/v1/nothing', 404, 'ROUTE_NOT_FOUND'],
      ['POST', '/nothing', 404, 'ROUTE_NOT_FOUND'],
      ['DELETE', '/api/v1/runs', 405, 'METHOD_NOT_ALLOWED'],
      ['POST', '/api/v1/models/5', 405, 'METHOD_NOT_ALLOWED'],
      ['GET', '/api/v1/predictions', 405, 'METHOD_NOT_ALLOWED'],
      ['GET', '/api/v1/runs/%E0%A4%A', 400, 'PATH_INVALID'],
      ['GET', '/assets/gone.js', 404, 'ROUTE_NOT_FOUND'],
    ];
    for (const [method, path, status, code] of cases) {
      const response = await fetch(`${app.url}${path}`, { method });
      expect(response.headers.get('content-type'), path).to.equal('application/problem+json');
      expect([response.status, codeOf(await response.text())], path).to.deep.equal([status, code]);
    }
    const wrong = await fetch(`${app.url}/api/v1/schedule`, { method: 'DELETE' });
    expect(wrong.headers.get('allow')).to.equal('GET, PATCH');
  });

  it("takes a client's request id when it is a plain one, and makes one otherwise", async () => {
    const path = '/api/v1/nothing';
    const given = await fetch(`${app.url}${path}`, { headers: { 'x-request-id': 'abc-1' } });
    expect(given.headers.get('x-request-id')).to.equal('abc-1');
    expect(await given.text()).to.include('"requestId":"abc-1"');
    const odd = await fetch(`${app.url}${path}`, { headers: { 'x-request-id': '"><script>' } });
    expect(odd.headers.get('x-request-id')).to.match(/^[0-9a-f-]{36}$/);
  });

  it('hides what an unexpected fault says', async () => {
    const broken = await startApp({
      ports: {
        temporal: {
          ...app.temporal.client,
          schedule: () => Promise.reject(new Error('secret at /home/me/x.js')),
        },
      },
    });
    try {
      const answer = await broken.call('getSchedule', '/api/v1/schedule');
      expect([answer.status, answer.problem?.code]).to.deep.equal([500, 'INTERNAL']);
      expect(JSON.stringify(answer.body)).not.to.include('secret');
    } finally {
      await broken.stop();
    }
  });

  it('refuses hosts that are not its own, against DNS rebinding', async () => {
    for (const host of [
      'evil.example',
      'evil.example:3000',
      '127.0.0.1.evil.example',
      'localhost@evil.example',
    ]) {
      const answer = await raw(app, { path: '/api/v1/info', headers: { host } });
      expect([answer.status, codeOf(answer.body)], host).to.deep.equal([421, 'HOST_UNKNOWN']);
    }
    for (const host of ['127.0.0.1', 'localhost:9', '[::1]:3000', 'medloop.localhost']) {
      expect((await raw(app, { path: '/api/v1/info', headers: { host } })).status, host).to.equal(200);
    }
  });

  it('refuses changes that come from pages of other sites', async () => {
    const own = new URL(app.url).host;
    const post = (headers: Record<string, string>) =>
      raw(app, { method: 'POST', path: '/api/v1/schedule/trigger', headers: { host: own, ...headers } });
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:1' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const answer = await post(headers);
      expect([answer.status, codeOf(answer.body)]).to.deep.equal([403, 'ORIGIN_FOREIGN']);
    }
    expect(app.temporal.asked).to.deep.equal([]);
    expect((await post({ origin: app.url, 'sec-fetch-site': 'same-origin' })).status).to.equal(202);
    expect((await post({})).status).to.equal(202);
    const reading = await raw(app, {
      path: '/healthz',
      headers: { host: own, origin: 'https://evil.example' },
    });
    expect(reading.status).to.equal(200);
    expect(reading.headers).not.to.have.property('access-control-allow-origin');
  });

  it('answers what is no HTTP request with a problem too', async () => {
    const { port } = new URL(app.url);
    const say = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let answer = '';
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
        socket.on('data', (chunk) => (answer += chunk.toString()));
        socket.on('end', () => {
          resolve(answer);
        });
        socket.on('error', reject);
      });
    for (const [text, status, code] of [
      ['nonsense\r\n\r\n', 400, 'REQUEST_MALFORMED'],
      ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 421, 'HOST_UNKNOWN'],
      [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    ] as const) {
      const answer = await say(text);
      expect(answer).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer.toLowerCase()).to.include('content-type: application/problem+json');
      expect(codeOf(answer.slice(answer.indexOf('{')))).to.equal(code);
    }
  });

  it('outlives clients that go away in the middle of an upload', async () => {
    const { port } = new URL(app.url);
    await app.serve('1', 1);
    for (let round = 0; round < 5; round += 1) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          socket.write(
            'POST /api/v1/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n' +
              'Content-Length: 100000\r\n\r\n--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc',
            () => {
              socket.destroy();
              resolve();
            },
          );
        });
      });
    }
    const body = form([{ name: 'a', bytes: await picture(1) }]);
    expect(
      (await app.call('createPredictions', '/api/v1/predictions', { method: 'POST', body })).status,
    ).to.equal(200);
  });
});
