/** How each foreign server is started, and how its health is asked: the same for the stack and for the tests. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { answers } from './ports.js';
import type { Command } from './launch.js';

/** A server's command and the question that tells whether it serves. */
export interface Server {
  readonly command: Command;
  isHealthy(): Promise<boolean>;
}

/** S3 on plain files. The buckets are the folders of `dataFolder`, so an object's file can be synced to disk. */
export function s3Server(options: {
  readonly binary: string;
  readonly dataFolder: string;
  readonly versionsFolder: string;
  readonly port: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly env: NodeJS.ProcessEnv;
}): Server {
  mkdirSync(options.dataFolder, { recursive: true, mode: 0o700 });
  mkdirSync(options.versionsFolder, { recursive: true, mode: 0o700 });
  const address = `127.0.0.1:${options.port}`;
  return {
    command: {
      file: options.binary,
      // The folders must be absolute: the server changes into its data folder before it reads them.
      args: [
        ...['--port', address, '--region', options.region, '--keep-alive', '--quiet', '--health', '/health'],
        ...['posix', '--versioning-dir', options.versionsFolder, options.dataFolder],
      ],
      // Keys go by environment, where `ps` does not show them.
      env: {
        ...options.env,
        ROOT_ACCESS_KEY: options.accessKeyId,
        ROOT_SECRET_KEY: options.secretAccessKey,
      },
    },
    isHealthy: () => isOk(`http://${address}/health`),
  };
}

/** Temporal's single-machine server on a SQLite file. */
export function temporalServer(options: {
  readonly binary: string;
  readonly databaseFile: string;
  readonly port: number;
  /** Without it the server runs without its web page. */
  readonly uiPort?: number;
  readonly namespace: string;
  readonly env: NodeJS.ProcessEnv;
}): Server {
  mkdirSync(dirname(options.databaseFile), { recursive: true, mode: 0o700 });
  // `default` is always made; naming it again would be an error on some versions.
  const namespace = options.namespace === 'default' ? [] : ['--namespace', options.namespace];
  const page =
    options.uiPort === undefined
      ? ['--headless']
      : ['--ui-ip', '127.0.0.1', '--ui-port', String(options.uiPort)];
  return {
    command: {
      file: options.binary,
      args: [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port)],
        ...['--db-filename', options.databaseFile, '--log-level', 'warn', ...namespace, ...page],
      ],
      env: without('TEMPORAL_', options.env),
    },
    isHealthy: async () =>
      (await answers('127.0.0.1', options.port)) &&
      (await hasNamespace(`127.0.0.1:${options.port}`, options.namespace)),
  };
}

/** MLflow started lean: one worker and no job runner, which would take 2 GiB and does not stop when asked. */
export function mlflowServer(options: {
  readonly binary: string;
  readonly dataFolder: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
}): Server {
  mkdirSync(options.dataFolder, { recursive: true, mode: 0o700 });
  return {
    command: {
      file: options.binary,
      args: [
        ...['server', '--host', '127.0.0.1', '--port', String(options.port), '--workers', '1'],
        ...['--backend-store-uri', `sqlite:///${join(options.dataFolder, 'mlflow.db')}`],
        ...['--artifacts-destination', join(options.dataFolder, 'artifacts')],
      ],
      env: {
        ...without('MLFLOW_', options.env),
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
        MLFLOW_DISABLE_TELEMETRY: 'true',
        PYTHONUNBUFFERED: '1',
      },
      cwd: options.dataFolder,
    },
    isHealthy: () => isOk(`http://127.0.0.1:${options.port}/health`),
  };
}

/** True when an address answers with a 2xx status. */
export async function isOk(url: string, timeoutMs = 2000): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  await response.arrayBuffer();
  return response.ok;
}

/** True when the Temporal server answers and knows the namespace; the port alone opens before that. */
export async function hasNamespace(address: string, namespace: string): Promise<boolean> {
  const { Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address, connectTimeout: 2000 });
  try {
    await connection.withDeadline(Date.now() + 2000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return true;
  } finally {
    await connection.close();
  }
}

/** A server must not inherit the variables that tell its clients where one is. */
function without(prefix: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith(prefix)));
}
