import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { inheritedEnvironment, loadConfig } from '../../../config/env.js';
import { projectRoot } from '../../../config/paths.js';
import { freePort } from '../../../stack/ports.js';
import { lockHome, prepareHome } from '../../../stack/supervisor/home.js';
import { temporaryFolder } from './helpers.js';

describe('npm start', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  const listening: Server[] = [];

  afterEach(() => {
    for (const server of listening.splice(0)) server.close();
  });

  async function start(
    env: NodeJS.ProcessEnv,
    ...args: string[]
  ): Promise<{ code: number | null; text: string }> {
    const child = spawn(process.execPath, [join(projectRoot(), 'bin', 'start.mjs'), ...args], {
      env: {
        ...inheritedEnvironment(),
        MEDLOOP_HOME: join(folder.path(), 'home'),
        ...(await ports()),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    }
    return new Promise((resolve) => {
      child.once('close', (code) => {
        resolve({ code, text });
      });
    });
  }

  async function ports(): Promise<NodeJS.ProcessEnv> {
    const names = ['', 'TEMPORAL_', 'TEMPORAL_UI_', 'MLFLOW_', 'S3_'];
    const entries = await Promise.all(
      names.map(async (name) => [`MEDLOOP_${name}PORT`, String(await freePort())] as const),
    );
    return Object.fromEntries(entries);
  }

  async function busyPort(): Promise<string> {
    const server = createServer();
    listening.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    return String(typeof address === 'object' ? address?.port : address);
  }

  it('says that a stack is already running on this home, with its process, and ends', async () => {
    const { paths } = loadConfig({ MEDLOOP_HOME: join(folder.path(), 'home') });
    prepareHome(paths);
    const lock = lockHome(paths);
    const { code, text } = await start({});
    lock.release();
    expect(code, text).to.equal(1);
    expect(text).to.include(`process ${process.pid}`).and.to.include('[ALREADY_RUNNING]');
    expect(text).not.to.match(/^\s+at /m);
  });

  it('names every busy port with the variable that changes it', async () => {
    const [s3, api] = [await busyPort(), await busyPort()];
    const { code, text } = await start({ MEDLOOP_S3_PORT: s3, MEDLOOP_PORT: api });
    expect(code, text).to.equal(1);
    expect(text).to.include(`port ${s3}`).and.to.include('MEDLOOP_S3_PORT');
    expect(text).to.include(`port ${api}`).and.to.include('MEDLOOP_PORT');
    expect(text).to.include('[PORT_BUSY]').and.not.to.include('MEDLOOP_MLFLOW_PORT');
  });

  it('refuses one port for two parts', async () => {
    const port = String(await freePort());
    const { code, text } = await start({ MEDLOOP_S3_PORT: port, MEDLOOP_MLFLOW_PORT: port });
    expect(code, text).to.equal(1);
    expect(text).to.include('[PORT_BUSY]');
  });

  it('ends with 2 and its usage when it is called wrongly', async () => {
    for (const args of [
      ['--dat', 'x'],
      ['--data', join(folder.path(), 'nowhere.zip')],
    ]) {
      const { code, text } = await start({}, ...args);
      expect(code, text).to.equal(2);
      expect(text).to.include('npm start [-- --data FILE_OR_FOLDER]').and.to.include('[WRONG_USE]');
    }
  });

  it('ends with 2 and one line for each variable that is wrong', async () => {
    const { code, text } = await start({ MEDLOOP_PORT: 'many', MEDLOOP_S3_PORT: '0' });
    expect(code, text).to.equal(2);
    expect(text).to.include('MEDLOOP_PORT').and.to.include('MEDLOOP_S3_PORT');
  });
});
