import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inheritedEnvironment } from '../../../config/env.js';
import { freePort } from '../../../stack/ports.js';
import { s3Server, temporalServer } from '../../../stack/servers.js';
import { createRecord } from '../../../stack/supervisor/record.js';
import { createSupervisor } from '../../../stack/supervisor/supervisor.js';
import { startS3, toolPaths } from '../../support/parts.js';
import { eventually, runs, startFixture, temporaryFolder } from './helpers.js';

describe('The supervisor with the real servers', function () {
  this.timeout(240_000);
  const folder = temporaryFolder();

  it('brings a killed S3 server and a killed Temporal server back with their data, and stops both', async () => {
    const record = createRecord(join(folder.path(), 'parts.json'));
    const healthy: string[] = [];
    const pids = new Map<string, number>();
    const supervisor = createSupervisor({
      record,
      logs: folder.path(),
      onEvent: ({ part, event, pid }) => {
        if (event === 'healthy') healthy.push(part);
        if (pid !== undefined) pids.set(part, pid);
      },
    });
    const s3 = s3Server({
      binary: toolPaths().versitygw,
      dataFolder: join(folder.path(), 's3'),
      versionsFolder: join(folder.path(), 'versions'),
      port: await freePort(),
      region: 'us-east-1',
      accessKeyId: 'accesskey',
      secretAccessKey: 'secretkey0123456789',
      env: inheritedEnvironment(),
    });
    const temporal = temporalServer({
      binary: toolPaths().temporal,
      databaseFile: join(folder.path(), 'temporal', 'temporal.db'),
      port: await freePort(),
      namespace: 'default',
      env: inheritedEnvironment(),
    });
    const spec = { startLimitMs: 180_000, graceMs: 5000 };
    try {
      await supervisor.start([
        { name: 's3', command: s3.command, isHealthy: () => s3.isHealthy(), ...spec },
        { name: 'temporal', command: temporal.command, isHealthy: () => temporal.isHealthy(), ...spec },
      ]);
      expect([...healthy].sort()).to.deep.equal(['s3', 'temporal']);
      for (const pid of pids.values()) process.kill(pid, 'SIGKILL');
      await eventually('both are healthy again', () => healthy.length === 4);
      expect(await s3.isHealthy()).to.equal(true);
      expect(await temporal.isHealthy()).to.equal(true);
    } finally {
      await supervisor.stop();
    }
    expect([...pids.values()].filter(runs)).to.deep.equal([]);
    expect(existsSync(join(folder.path(), 'parts.json'))).to.equal(false);
  });

  it('has parts for tests that end with the test process, folder and all', async () => {
    const { child, ended, output } = startFixture('part-of-test', []);
    const started = await eventually('it serves', () => /serving (\d+) (\S+)/.exec(output()));
    const pid = Number(started[1]);
    expect(runs(pid)).to.equal(true);
    child.kill('SIGKILL');
    await ended;
    await eventually('server and folder have gone', () => !runs(pid) && !existsSync(String(started[2])));
  });

  it('has parts for tests that keep port and data over a power cut', async () => {
    const s3 = await startS3();
    const before = s3.pid();
    await s3.kill9();
    expect(runs(before)).to.equal(false);
    const failure = await fetch(`${s3.url}/health`).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(TypeError);
    await s3.restart();
    expect((await fetch(`${s3.url}/health`)).ok).to.equal(true);
    expect(existsSync(join(s3.fsyncRoot, s3.bucket))).to.equal(true);
    await s3.stop();
    expect(existsSync(s3.dataFolder)).to.equal(false);
  });
});
