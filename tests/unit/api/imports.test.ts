/** `POST /api/v1/imports`: what is taken, what is streamed back, and what is left behind. */
import { readdir, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { ApiError } from '../../../api/errors.js';
import type { AppPorts, ImportJob } from '../../../api/ports.js';
import { importLineSchema, type ImportLine } from '../../../api/schema.js';
import { LABELS, startApp, type Answer, type TestApp } from './support.js';
import type { ImportReport, SnapshotId } from '../../../storage/types.js';

const PATH = '/api/v1/imports';
const REPORT: ImportReport = {
  snapshot: '00000001' as SnapshotId,
  changed: true,
  labels: LABELS,
  images: 6,
  added: 6,
  perClass: {},
  counts: { train: {}, validation: {}, golden: {}, exam: {} },
  synthetic: false,
  seconds: 0.1,
  broken: [{ name: 'Hand/x.jpg', code: 'IMAGE_EMPTY', message: 'The file is empty.' }],
  duplicates: [],
  conflicts: [],
  missingClasses: [],
  ignored: 0,
};

const linesOf = (answer: Answer): ImportLine[] =>
  (answer.body as string)
    .trimEnd()
    .split('\n')
    .map((line) => {
      const value: unknown = JSON.parse(line);
      expect(importLineSchema.parse(value)).to.deep.equal(value);
      return value as ImportLine;
    });

describe('imports', () => {
  let app: TestApp;
  let run: AppPorts['imports']['run'];
  beforeEach(async () => {
    app = await startApp({ ports: { imports: { run: (...given) => run(...given) } } });
  });
  afterEach(() => app.stop());

  const zip = (body: BodyInit, query = '') =>
    app.call('createImport', `${PATH}${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/zip' },
      body,
    });
  const demo = () =>
    app.call('createImport', PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"demo":true}',
    });

  it('hands the archive over as a file, streams progress and report, and removes the file', async () => {
    let seen: { job: ImportJob; content: string } | null = null;
    run = async (job, onProgress) => {
      seen = { job, content: job.kind === 'archive' ? await readFile(job.path, 'utf8') : '' };
      onProgress({ done: 1, total: 2, phase: 'read' });
      onProgress({ done: 2, total: 2, phase: 'read' });
      onProgress({ done: 2, total: 2, phase: 'write' });
      return REPORT;
    };
    const answer = await zip('the bytes', '?name=..%2f..%2fmy%20set.zip');
    expect(answer.headers.get('content-type')).to.equal('application/x-ndjson');
    expect(seen!.job).to.include({ kind: 'archive', name: 'my set.zip' });
    expect(seen!.content).to.equal('the bytes');
    expect(linesOf(answer)).to.deep.equal([
      { progress: { done: 1, total: 2, phase: 'read' } },
      { progress: { done: 2, total: 2, phase: 'read' } },
      { progress: { done: 2, total: 2, phase: 'write' } },
      { report: REPORT },
    ]);
    expect(await readdir(app.ports.settings.uploadFolder)).to.deep.equal([]);
  });

  it('imports the demo data when asked to', async () => {
    let kind = '';
    run = (job) => {
      kind = job.kind;
      return Promise.resolve({ ...REPORT, synthetic: true });
    };
    expect(linesOf(await demo())).to.have.length(1);
    expect(kind).to.equal('demo');
  });

  it('ends with a problem when the import fails', async () => {
    run = (_job, onProgress) => {
      onProgress({ done: 0, total: 2, phase: 'read' });
      return Promise.reject(new ApiError('IMPORT_UNSAFE_NAME', 'The archive holds ../x.'));
    };
    const last = linesOf(await zip('x')).at(-1) as { problem: { code: string; requestId: string } };
    expect(last.problem).to.include({ code: 'IMPORT_UNSAFE_NAME', detail: 'The archive holds ../x.' });
    expect(await readdir(app.ports.settings.uploadFolder)).to.deep.equal([]);
  });

  it('runs one import at a time', async () => {
    let finish: () => void = () => undefined;
    let started: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    run = async () => {
      started();
      await new Promise<void>((resolve) => (finish = resolve));
      return REPORT;
    };
    const first = demo();
    await running;
    const second = await demo();
    expect([second.status, second.problem?.code]).to.deep.equal([409, 'IMPORT_RUNNING']);
    const third = await zip(Buffer.alloc(90_000));
    expect([third.status, third.problem?.code]).to.deep.equal([409, 'IMPORT_RUNNING']);
    finish();
    expect(linesOf(await first)).to.have.length(1);
    run = () => Promise.resolve(REPORT);
    expect((await demo()).status).to.equal(200);
  });

  it('refuses what is no archive and no order', async () => {
    run = () => Promise.reject(new Error('must not run'));
    const cases: readonly [string, string, number, string][] = [
      ['text/plain', 'x', 415, 'BODY_UNSUPPORTED'],
      ['application/json', '{"demo":false}', 400, 'REQUEST_INVALID'],
      ['application/json', '{', 400, 'JSON_INVALID'],
      ['application/zip', '', 422, 'IMPORT_EMPTY'],
      ['application/zip', 'x'.repeat(100_001), 413, 'IMPORT_TOO_LARGE'],
    ];
    for (const [type, body, status, code] of cases) {
      const answer = await app.call('createImport', PATH, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect([answer.status, answer.problem?.code]).to.deep.equal([status, code]);
    }
  });

  it('stops a stream that grows over the limit and leaves no file', async () => {
    const stream = Readable.toWeb(Readable.from(Array.from({ length: 11 }, () => Buffer.alloc(10_000))));
    const answer = await app.call('createImport', PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/zip' },
      body: stream as unknown as BodyInit,
      duplex: 'half',
    } as RequestInit);
    expect([answer.status, answer.problem?.code]).to.deep.equal([413, 'IMPORT_TOO_LARGE']);
    expect(await readdir(app.ports.settings.uploadFolder)).to.deep.equal([]);
  });

  it('gives the import up when its client goes away, and takes the next one', async () => {
    const gone = new AbortController();
    let stopped: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (stopped = resolve));
    run = (_job, onProgress, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stopped();
          reject(new ApiError('IMPORT_FAILED'));
        });
        onProgress({ done: 0, total: 1, phase: 'read' });
      });
    const response = await fetch(`${app.url}${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"demo":true}',
      signal: gone.signal,
    });
    expect(response.status).to.equal(200);
    gone.abort();
    await ended;
    run = () => Promise.resolve(REPORT);
    for (;;) {
      const next = await demo();
      if (next.status === 200) break;
      expect(next.problem?.code).to.equal('IMPORT_RUNNING');
    }
  });
});
