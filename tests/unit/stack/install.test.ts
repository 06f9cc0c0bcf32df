import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { chmodSync, createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { inheritedEnvironment, loadConfig } from '../../../config/env.js';
import { StackError } from '../../../stack/errors.js';
import { temporalFile } from '../../../stack/find.js';
import { startGuardian, type Guardian } from '../../../stack/guardian.js';
import type { SetupContext } from '../../../stack/setup/context.js';
import { findPython } from '../../../stack/setup/python.js';
import { createRunner } from '../../../stack/setup/run.js';
import { temporalPart } from '../../../stack/setup/temporal.js';
import { bindTensorflow } from '../../../stack/setup/tensorflow-binding.js';
import { tensorflowPart } from '../../../stack/setup/tensorflow.js';
import { unpack } from '../../../stack/setup/unpack.js';
import { eventually, runs, startFixture, temporaryFolder } from './helpers.js';

describe('Installing', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let guardian: Guardian;
  let server: Server | null = null;

  beforeEach(() => {
    guardian = startGuardian();
  });
  afterEach(async () => {
    await guardian.dismiss();
    server?.close();
    server = null;
  });

  /** A machine that has only what lies in `bin` of the test's folder. */
  function machine(some: Partial<SetupContext> = {}): SetupContext {
    const tools = join(folder.path(), 'tools');
    mkdirSync(tools, { recursive: true });
    return {
      config: loadConfig({ MEDLOOP_TOOLS: tools }),
      searchPath: join(folder.path(), 'bin'),
      tools,
      env: inheritedEnvironment(),
      guardian,
      platform: process.platform,
      arch: process.arch,
      ...some,
    };
  }

  async function codeOf(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
      () => 'no failure',
      (failure: unknown) => failure,
    );
    return error instanceof StackError ? error.code : String(error);
  }

  async function serve(answer: RequestListener): Promise<string> {
    const listening = createServer(answer);
    server = listening;
    await new Promise<void>((resolve) => {
      listening.listen(0, '127.0.0.1', resolve);
    });
    const address = listening.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  describe('Temporal', () => {
    const quiet = (): void => undefined;

    it('comes from the official download, asked for in the pinned version and for this machine', async () => {
      const program = join(folder.path(), 'temporal');
      writeFileSync(program, '#!/bin/sh\necho "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"\n');
      execFileSync('tar', ['-czf', join(folder.path(), 'archive.tar.gz'), '-C', folder.path(), 'temporal']);
      const asked: string[] = [];
      const url = await serve((request, response) => {
        asked.push(request.url ?? '');
        if (request.url === '/archive') {
          response.end(readFileSync(join(folder.path(), 'archive.tar.gz')));
        } else {
          response.end(JSON.stringify({ archiveUrl: `${url}/archive`, fileToExtract: 'temporal' }));
        }
      });
      const part = temporalPart(machine(), url);
      await part.install(quiet);
      const found = part.find();
      expect(found).to.equal(temporalFile(machine().tools));
      await part.verify(String(found), quiet);
      expect(asked[0]).to.match(/^\/v1\.5\.1\?arch=\w+&platform=\w+&format=tar\.gz$/);
    });

    it('is built where the download has no way out, and says what that would need', async () => {
      const url = await serve((_request, response) => {
        response.writeHead(503).end();
      });
      expect(await codeOf(temporalPart(machine(), url).install(quiet))).to.equal('PYTHON_MISSING');
    });

    it('is never taken from a broken download', async () => {
      const url = await serve((request, response) => {
        if (request.url === '/archive') response.end('this is no archive');
        else response.end(JSON.stringify({ archiveUrl: `${url}/archive`, fileToExtract: 'temporal' }));
      });
      const part = temporalPart(machine(), url);
      expect(await codeOf(part.install(quiet))).to.equal('PYTHON_MISSING');
      expect(part.find()).to.equal(null);
    });
  });

  describe('TensorFlow', () => {
    const quiet = (): void => undefined;

    it('says on which systems it can be had', async () => {
      const part = tensorflowPart(machine({ platform: 'darwin', arch: 'arm64' }));
      expect(await codeOf(part.install(quiet))).to.equal('PLATFORM_UNSUPPORTED');
    });

    it('says that a compiler is missing before it touches anything', async () => {
      const library = join(folder.path(), 'library');
      expect(await codeOf(bindTensorflow(machine(), library, quiet))).to.equal('COMPILER_MISSING');
    });
  });

  describe('Python', () => {
    it('is asked for in words when there is none, or only one that is too old', () => {
      expect(() => findPython(machine()))
        .to.throw(StackError, 'none was found')
        .with.property('code', 'PYTHON_MISSING');
      const old = join(folder.path(), 'bin', 'python3');
      mkdirSync(join(folder.path(), 'bin'));
      writeFileSync(old, '#!/bin/sh\necho 3.8.10\necho /usr/bin/python3\n');
      chmodSync(old, 0o755);
      expect(() => findPython(machine())).to.throw(StackError, '(3.8.10)');
    });
  });

  describe('Programs that install', () => {
    const run = (script: string): Promise<string[]> =>
      createRunner({ guardian, logFile: join(folder.path(), 'logs', 'some.log') }).run({
        file: 'sh',
        args: ['-c', script],
        env: inheritedEnvironment(),
      });

    it('have their output kept, and shown when they fail', async () => {
      expect(await run('echo one; echo two >&2')).to.have.members(['one', 'two']);
      const failure = await run('echo the reason >&2; exit 3').catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(StackError).with.property('code', 'INSTALL_FAILED');
      expect((failure as Error).message)
        .to.include('exit code 3')
        .and.to.include('the reason');
      expect(readFileSync(join(folder.path(), 'logs', 'some.log'), 'utf8')).to.include('the reason');
    });

    it('are told apart when it was the disk', async () => {
      expect(await codeOf(run('echo "write error: No space left on device"; exit 1'))).to.equal('DISK_FULL');
    });

    it('end with the set-up that runs them, also when it is killed', async () => {
      const { child, ended, output } = startFixture('runner', [join(folder.path(), 'runner.log')]);
      const pid = Number((await eventually('it runs', () => /program (\d+)/.exec(output())))[1]);
      child.kill('SIGKILL');
      await ended;
      await eventually('the program has gone', () => !runs(pid));
    });
  });

  describe('An archive', () => {
    it('gives the files that are wanted, and no others', async () => {
      const archive = join(folder.path(), 'archive.zip');
      const zip = new yazl.ZipFile();
      zip.addBuffer(Buffer.from('a'.repeat(100_000)), 'package/lib/wanted.so');
      zip.addBuffer(Buffer.from('b'), 'package/other.txt');
      zip.end();
      await pipeline(zip.outputStream, createWriteStream(archive));
      const seen: number[] = [];
      const target = join(folder.path(), 'out', 'wanted.so');
      await unpack(
        archive,
        (name) => (name.endsWith('.so') ? target : null),
        (fraction) => seen.push(fraction),
      );
      expect(readFileSync(target, 'utf8')).to.have.length(100_000);
      expect(existsSync(join(folder.path(), 'out', 'other.txt'))).to.equal(false);
      expect(seen).to.have.length(2);
    });

    it('that is none is an error', async () => {
      const archive = join(folder.path(), 'archive.zip');
      writeFileSync(archive, 'this is no archive');
      const failure = await unpack(
        archive,
        () => null,
        () => undefined,
      ).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(Error);
    });
  });
});
