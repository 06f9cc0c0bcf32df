/** The real servers for tests: each on a free port and a temporary folder, and gone when the test process is gone. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inheritedEnvironment, loadConfig } from '../../config/env.js';
import { findTools } from '../../stack/find.js';
import { startGuardian, type Guardian } from '../../stack/guardian.js';
import { launch, waitUntilHealthy, type Launched } from '../../stack/launch.js';
import { freePort } from '../../stack/ports.js';
import { endGroup } from '../../stack/processes.js';
import { mlflowServer, s3Server, temporalServer, type Server } from '../../stack/servers.js';

export { freePort } from '../../stack/ports.js';

/** Absolute paths; `chromium` is null where there is no browser. */
export interface TestTools {
  readonly temporal: string;
  readonly versitygw: string;
  readonly mlflow: string;
  /** Python of MLflow's environment: has mlflow, onnx, onnxruntime and numpy. */
  readonly python: string;
  readonly chromium: string | null;
}

/** What every running part of a test has. */
export interface TestPart {
  readonly dataFolder: string;
  readonly logFile: string;
  readonly port: number;
  /** Of the process group's leader; changes with `restart`. */
  pid(): number;
  /** Ends the part at once, as a power cut would; its data and port stay. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data (ends it first if it runs). */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export interface TestS3 extends TestPart {
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly region: string;
  readonly bucket: string;
  /** Folder whose sub-folders are the buckets, one plain file for each object. */
  readonly fsyncRoot: string;
}

export interface TestMlflow extends TestPart {
  readonly url: string;
}

export interface TestTemporal extends TestPart {
  readonly address: string;
  readonly namespace: string;
  /** Null unless started with `ui: true`. */
  readonly uiUrl: string | null;
}

const START_DEADLINE_MS = 180_000;
let tools: TestTools | null = null;
let guardian: Guardian | null = null;

/** The programs as the product finds them; fails naming those that are missing. */
export function toolPaths(): TestTools {
  if (tools !== null) return tools;
  const found = findTools({ config: loadConfig(), searchPath: inheritedEnvironment().PATH ?? '' });
  const { temporal, versitygw, mlflow, python, chromium } = found;
  if (temporal === null || versitygw === null || mlflow === null || python === null) {
    const missing = Object.entries(found).flatMap(([name, path]) => (path === null ? [name] : []));
    throw new Error(`not installed: ${missing.join(', ')}; \`npm test\` installs them`);
  }
  tools = { temporal, versitygw, mlflow, python, chromium };
  return tools;
}

/** Starts an S3 server with one empty bucket. */
export async function startS3(options: { bucket?: string; region?: string } = {}): Promise<TestS3> {
  const bucket = options.bucket ?? 'medloop';
  const region = options.region ?? 'us-east-1';
  const credentials = { accessKeyId: 'testaccesskey', secretAccessKey: 'testsecretkey0123456789' };
  const part = await startPart('s3', (folder, port) =>
    s3Server({
      binary: toolPaths().versitygw,
      dataFolder: join(folder, 'data'),
      versionsFolder: join(folder, 'versions'),
      port,
      region,
      ...credentials,
      env: inheritedEnvironment(),
    }),
  );
  const url = `http://127.0.0.1:${part.port}`;
  const { S3Client, CreateBucketCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { ...part, url, credentials, region, bucket, fsyncRoot: join(part.dataFolder, 'data') };
}

/** Starts an MLflow server on an empty SQLite file; takes 5 to 10 s on a quiet machine. */
export async function startMlflow(): Promise<TestMlflow> {
  const part = await startPart('mlflow', (folder, port) =>
    mlflowServer({ binary: toolPaths().mlflow, dataFolder: folder, port, env: inheritedEnvironment() }),
  );
  return { ...part, url: `http://127.0.0.1:${part.port}` };
}

/** Starts a Temporal server on an empty SQLite file. */
export async function startTemporal(
  options: { ui?: boolean; namespace?: string } = {},
): Promise<TestTemporal> {
  const namespace = options.namespace ?? 'default';
  const uiPort = options.ui === true ? await freePort() : undefined;
  const part = await startPart('temporal', (folder, port) =>
    temporalServer({
      binary: toolPaths().temporal,
      databaseFile: join(folder, 'temporal.db'),
      port,
      namespace,
      env: inheritedEnvironment(),
      ...(uiPort === undefined ? {} : { uiPort }),
    }),
  );
  return {
    ...part,
    address: `127.0.0.1:${part.port}`,
    namespace,
    uiUrl: uiPort === undefined ? null : `http://127.0.0.1:${uiPort}`,
  };
}

async function startPart(
  name: string,
  serverOf: (folder: string, port: number) => Server,
): Promise<TestPart> {
  guardian ??= startGuardian();
  const watcher = guardian;
  const folder = mkdtempSync(join(tmpdir(), `medloop-test-${name}-`));
  chmodSync(folder, 0o700);
  await watcher.litter(folder);
  const logFile = join(folder, `${name}.log`);
  let port = await freePort();
  let running: Launched | null = null;

  const begin = async (): Promise<string | null> => {
    const server = serverOf(folder, port);
    const launched = await launch(server.command, { output: { logFile }, guardian: watcher });
    // A part that a test forgets must not keep the test runner alive: the guardian ends it.
    launched.child.unref();
    running = launched;
    return waitUntilHealthy(launched, () => server.isHealthy(), START_DEADLINE_MS);
  };
  const end = async (graceMs: number): Promise<void> => {
    if (running === null) return;
    await endGroup(running.identity.pid, graceMs);
    await watcher.forget(running.identity);
    running = null;
  };

  let problem = await begin();
  // Someone else may have taken the free port in between.
  for (let attempt = 0; problem !== null && attempt < 2; attempt += 1) {
    await end(0);
    port = await freePort();
    problem = await begin();
  }
  if (problem !== null) {
    await end(0);
    const { readFileSync } = await import('node:fs');
    throw new Error(`${name} ${problem}\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
  }
  return {
    dataFolder: folder,
    logFile,
    port,
    pid: () => {
      if (running === null) throw new Error(`${name} is not running`);
      return running.identity.pid;
    },
    kill9: () => end(0),
    restart: async () => {
      await end(5000);
      const again = await begin();
      if (again !== null) throw new Error(`${name} ${again}`);
    },
    stop: async () => {
      await end(5000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
