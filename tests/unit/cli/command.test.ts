/** The `medloop` command as a process: exit codes, JSON, and messages, against a small server that plays the API. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import yauzl from 'yauzl';
import { CLI_ERRORS } from '../../../cli/errors.js';

const entry = fileURLToPath(new URL('../../../cli/main.js', import.meta.url));

interface Finished {
  code: number | null;
  out: string;
  err: string;
}

function medloop(args: string[], url: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entry, ...args], {
      env: { PATH: '/usr/bin:/bin', HOME: tmpdir(), MEDLOOP_API_URL: url },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      resolve(Buffer.concat(chunks));
    });
  });
}

function namesInZip(zip: Buffer): Promise<string[]> {
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(zip, { lazyEntries: false }, (error, file) => {
      if (error) {
        reject(error);
        return;
      }
      const names: string[] = [];
      file.on('entry', (one: { fileName: string }) => names.push(one.fileName));
      file.on('end', () => {
        resolve(names);
      });
    });
  });
}

function runView(verdict: string, state = 'succeeded'): object {
  return {
    id: 'run-1',
    trigger: 'manual',
    mode: 'warm',
    requestedBy: 'test',
    state,
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    steps: [{ name: 'train', state: 'succeeded', attempt: 1, startedAt: null, endedAt: null }],
    progress: null,
    outcome: {
      verdict,
      modelVersion: '2',
      snapshot: '00000002',
      reasons: [{ code: 'X', passed: false, text: 'Hand fell.' }],
    },
    failure: null,
    temporalUrl: null,
  };
}

describe('the medloop command', () => {
  let server: Server;
  let url: string;
  let folder: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

  const json = (response: ServerResponse, status: number, document: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-cli-'));
    server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  it('exits with 5 and says how to start the stack when nothing answers', async () => {
    const { code, err } = await medloop(['runs', 'list'], 'http://127.0.0.1:9');
    expect(code).to.equal(CLI_ERRORS.NOT_REACHABLE.exit).and.to.equal(5);
    expect(err).to.contain('npm start').and.to.contain('NOT_REACHABLE').and.not.to.contain('    at ');
  });

  it('exits with 2 for an unknown command, a missing argument and a missing file', async () => {
    expect((await medloop(['nonsense'], url)).code).to.equal(2);
    expect((await medloop(['correct', 'only-one'], url)).code).to.equal(2);
    expect((await medloop(['predict', join(folder, 'missing.jpg')], url)).code).to.equal(2);
    expect((await medloop(['import'], url)).code).to.equal(2);
  });

  it('exits with 2 and names the variable when the environment is wrong', async () => {
    const { code, err } = await medloop(['status'], 'no address');
    expect(code).to.equal(2);
    expect(err).to.contain('MEDLOOP_API_URL').and.to.contain('CONFIG_INVALID');
  });

  it("shows the API's own code and sentence for a problem, and as one JSON document with --json", async () => {
    answer = (_request, response) => {
      json(response, 404, {
        type: 't',
        title: 'x',
        status: 404,
        code: 'RUN_NOT_FOUND',
        detail: 'There is no run with this id.',
      });
    };
    const { code, out, err } = await medloop(['runs', 'show', 'nope', '--json'], url);
    expect(code).to.equal(1);
    expect(err).to.contain('There is no run with this id. [RUN_NOT_FOUND]');
    expect(JSON.parse(out)).to.deep.equal({
      error: { code: 'RUN_NOT_FOUND', message: 'There is no run with this id.' },
    });
  });

  for (const [verdict, expected] of [
    ['promoted', 0],
    ['refused', 3],
    ['nothing-new', 4],
    ['rolled-back', 1],
  ] as const) {
    it(`exits with ${expected} from retrain --wait when the run ends as ${verdict}`, async () => {
      answer = (request, response) => {
        if (request.method === 'POST') json(response, 202, { id: 'run-1' });
        else json(response, 200, runView(verdict));
      };
      const { code, out } = await medloop(['retrain', '--wait', '--json'], url);
      expect(code).to.equal(expected);
      expect(JSON.parse(out)).to.have.nested.property('outcome.verdict', verdict);
    });
  }

  it('exits with 1 when the run that it waits for fails', async () => {
    answer = (request, response) => {
      if (request.method === 'POST') json(response, 202, { id: 'run-1' });
      else
        json(response, 200, {
          ...runView('refused', 'failed'),
          outcome: null,
          failure: { code: 'DATA_MISSING', message: 'no data' },
        });
    };
    const { code, out } = await medloop(['retrain', '--wait'], url);
    expect(code).to.equal(1);
    expect(out).to.contain('no data');
  });

  it('fails when a retrain already runs, and follows that one with --attach', async () => {
    answer = (request, response) => {
      if (request.method === 'POST') {
        json(response, 409, {
          type: 't',
          title: 'x',
          status: 409,
          code: 'RUN_IN_PROGRESS',
          detail: 'A retrain is already running.',
          id: 'run-1',
        });
      } else if (request.url?.includes('limit='))
        json(response, 200, { runs: [{ ...runView('promoted', 'running') }], nextCursor: null });
      else json(response, 200, runView('promoted'));
    };
    expect((await medloop(['retrain'], url)).code).to.equal(1);
    const { code, err } = await medloop(['retrain', '--attach'], url);
    expect(code).to.equal(0);
    expect(err).to.contain('already running; following it (run-1)');
  });

  it('packs a folder into a zip while it sends it, and prints the report', async () => {
    await writeFile(join(folder, 'a.jpg'), 'not really an image');
    let sent: string[] = [];
    answer = async (request, response) => {
      sent = await namesInZip(await bodyOf(request));
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ progress: { done: 1, total: 1, phase: 'read' } })}\n`);
      response.end(
        `${JSON.stringify({ problem: { code: 'IMPORT_EMPTY', detail: 'No image was found.' } })}\n`,
      );
    };
    const { code, err } = await medloop(['import', folder], url);
    expect(sent).to.deep.equal(['a.jpg']);
    expect(code).to.equal(1);
    expect(err).to.contain('No image was found. [IMPORT_EMPTY]');
  });

  it('says so when an import ends without a report, as when the server dies', async () => {
    answer = async (request, response) => {
      await bodyOf(request);
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ progress: { done: 1, total: 9, phase: 'read' } })}\n`);
      setTimeout(() => response.destroy(), 50);
    };
    const { code, err } = await medloop(['import', folder], url);
    expect(code).to.equal(5);
    expect(err).to.contain('NOT_REACHABLE');
  });
});
