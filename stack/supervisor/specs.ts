/** The parts of the one-machine stack, with the environment that makes them one. */
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Config } from '../../config/env.js';
import { StackError } from '../errors.js';
import type { FoundTools } from '../find.js';
import { mlflowServer, s3Server, temporalServer, type Server } from '../servers.js';
import type { Credentials } from './home.js';
import type { PartSpec } from './keeper.js';
import { STACK_ID_VARIABLE } from './record.js';

/** Two stages: the second starts when the first serves, and is stopped before it. */
export interface Stages {
  readonly servers: readonly PartSpec[];
  readonly own: readonly PartSpec[];
  /** What our own processes, and commands that talk to them, are told. */
  readonly env: NodeJS.ProcessEnv;
}

export interface SpecInput {
  readonly config: Config;
  readonly tools: FoundTools;
  readonly credentials: Credentials;
  readonly stackId: string;
  /** The environment of this process. */
  readonly inherited: NodeJS.ProcessEnv;
}

/** A first start on a busy machine takes long; only a part that hangs should meet this limit. */
const START_LIMIT_MS = 180_000;
/** Together under the ten seconds within which everything has stopped. */
const OWN_GRACE_MS = 6_000;
const SERVER_GRACE_MS = 2_500;

/** Builds the specifications of everything that this configuration runs on this machine. */
export function specsOf(input: SpecInput): Stages {
  const { config, inherited, stackId } = input;
  const base = { ...inherited, [STACK_ID_VARIABLE]: stackId };
  const env = { ...base, ...addresses(input) };
  return { servers: servers(input, base), own: ownProcesses(config, env), env };
}

function servers({ config, tools, credentials }: SpecInput, env: NodeJS.ProcessEnv): PartSpec[] {
  const { values, paths, embedded } = config;
  const found: (readonly [string, Server])[] = [];
  if (embedded.s3) {
    const server = s3Server({
      binary: need(tools.versitygw, 'versitygw'),
      dataFolder: paths.s3Data,
      versionsFolder: join(paths.home, 's3-versions'),
      port: values.MEDLOOP_S3_PORT,
      region: values.AWS_REGION,
      ...credentials,
      env,
    });
    found.push(['s3', server]);
  }
  if (embedded.temporal) {
    const server = temporalServer({
      binary: need(tools.temporal, 'temporal'),
      databaseFile: paths.temporalDb,
      port: values.MEDLOOP_TEMPORAL_PORT,
      uiPort: values.MEDLOOP_TEMPORAL_UI_PORT,
      namespace: values.TEMPORAL_NAMESPACE,
      env,
    });
    found.push(['temporal', server]);
  }
  if (embedded.mlflow) {
    const server = mlflowServer({
      binary: need(tools.mlflow, 'mlflow'),
      dataFolder: paths.mlflow,
      port: values.MEDLOOP_MLFLOW_PORT,
      env,
    });
    found.push(['mlflow', server]);
  }
  return found.map(([name, server]) => ({
    name,
    command: server.command,
    isHealthy: () => server.isHealthy(),
    startLimitMs: START_LIMIT_MS,
    graceMs: SERVER_GRACE_MS,
  }));
}

function ownProcesses(config: Config, env: NodeJS.ProcessEnv): PartSpec[] {
  const entries = [
    ['control-worker', '../../temporal/control-worker.js'],
    ['training-worker', '../../temporal/training-worker.js'],
    ['api', '../../api/main.js'],
  ] as const;
  return entries.map(([name, entry]) => ({
    name,
    command: {
      file: process.execPath,
      args: ['--enable-source-maps', fileURLToPath(new URL(entry, import.meta.url))],
      env,
      cwd: config.paths.home,
      ipc: true,
    },
    startLimitMs: START_LIMIT_MS,
    graceMs: OWN_GRACE_MS,
    // A Temporal elsewhere may be down at our start: predictions do not need it.
    mayComeLater: name !== 'api' && !config.embedded.temporal,
  }));
}

/** Where everything is, for our own processes; what was given from outside stays as it was given. */
function addresses({ config, credentials }: SpecInput): NodeJS.ProcessEnv {
  const { values, paths, embedded } = config;
  return {
    // The package's notice that a later release will want a newer Node: nothing that an operator could act on.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    MEDLOOP_HOME: paths.home,
    MEDLOOP_TOOLS: config.tools,
    MEDLOOP_HOST: values.MEDLOOP_HOST,
    MEDLOOP_PORT: String(values.MEDLOOP_PORT),
    MEDLOOP_API_URL: config.apiUrl,
    TEMPORAL_ADDRESS: config.temporalAddress,
    MLFLOW_TRACKING_URI: config.mlflowUrl,
    ...(config.temporalUiUrl === null ? {} : { MEDLOOP_TEMPORAL_UI_URL: config.temporalUiUrl }),
    ...(embedded.s3
      ? {
          AWS_ENDPOINT_URL_S3: config.s3Endpoint,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_REGION: values.AWS_REGION,
          // They would turn our own keys into somebody else's session.
          AWS_SESSION_TOKEN: undefined,
          AWS_PROFILE: undefined,
          MEDLOOP_S3_FSYNC_ROOT: paths.s3Data,
        }
      : {}),
  };
}

function need(path: string | null, name: string): string {
  if (path !== null) return path;
  throw new StackError('TOOL_MISSING', `${name} was not found after set-up.`);
}
