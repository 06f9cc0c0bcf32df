/**
 * The one schema of every environment variable, and the only file that reads `process.env`.
 * Everything else is handed a `Config`.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { projectRoot } from './paths.js';

const port = z.coerce.number().int().min(1).max(65535);
const count = z.coerce.number().int().min(1);
const text = z.string().min(1);

/** One variable: its schema, the default as the README prints it, and what it is for. */
interface Variable<T extends z.ZodType> {
  readonly schema: T;
  readonly default: string;
  readonly meaning: string;
}

function variable<T extends z.ZodType>(schema: T, fallback: string, meaning: string): Variable<T> {
  return { schema, default: fallback, meaning };
}

/** Every variable that Medloop reads, in the order in which the README lists them. */
export const ENVIRONMENT = {
  MEDLOOP_HOME: variable(text.optional(), '`.medloop` in the repo', 'Data, logs and caches of one stack.'),
  MEDLOOP_TOOLS: variable(
    text.optional(),
    "`medloop` in the user's cache folder",
    'Installed parts by name and version, shared by all homes and clones.',
  ),
  MEDLOOP_HOST: variable(
    text.default('127.0.0.1'),
    '127.0.0.1',
    'Address on which the API and the page listen.',
  ),
  MEDLOOP_PORT: variable(port.default(3000), '3000', 'Port of the API and the page.'),
  MEDLOOP_TEMPORAL_PORT: variable(port.default(7233), '7233', 'Port of the embedded Temporal server.'),
  MEDLOOP_TEMPORAL_UI_PORT: variable(port.default(8233), '8233', 'Port of the embedded Temporal UI.'),
  MEDLOOP_MLFLOW_PORT: variable(port.default(5000), '5000', 'Port of the embedded MLflow server and its UI.'),
  MEDLOOP_S3_PORT: variable(port.default(9000), '9000', 'Port of the embedded S3 server.'),
  MEDLOOP_S3_BUCKET: variable(
    text.default('medloop'),
    'medloop',
    'Bucket that keeps images, corrections and snapshots.',
  ),
  MEDLOOP_S3_FSYNC_ROOT: variable(
    text.optional(),
    'set by `npm start` for the embedded S3 server',
    'Folder of the S3 server on this machine: every object is synced to disk there before it is acknowledged.',
  ),
  MEDLOOP_API_URL: variable(
    z.url().optional(),
    'from `MEDLOOP_HOST` and `MEDLOOP_PORT`',
    'Address of the API for the command line.',
  ),
  MEDLOOP_SERVING_URLS: variable(
    text.optional(),
    'the API of this stack',
    'Addresses, separated by commas, of every API that must serve a promoted version before it counts as verified.',
  ),
  MEDLOOP_SCHEDULE_CRON: variable(
    text.default('0 3 * * 1'),
    '0 3 * * 1',
    'When the weekly retrain runs (five cron fields).',
  ),
  MEDLOOP_SCHEDULE_TIMEZONE: variable(text.default('UTC'), 'UTC', 'Time zone of the schedule (IANA name).'),
  MEDLOOP_TRAINER_THREADS: variable(
    count.optional(),
    'one less than the number of cores, at least 1',
    'Threads that the trainer may use.',
  ),
  MEDLOOP_TRAINER_NICE: variable(
    z.coerce.number().int().min(0).max(19).default(10),
    '10',
    'Niceness of the trainer, so that serving goes first.',
  ),
  MEDLOOP_MAX_UPLOAD_BYTES: variable(
    count.default(20_000_000),
    '20000000',
    'Largest single uploaded image in bytes.',
  ),
  MEDLOOP_MAX_UPLOAD_PIXELS: variable(
    count.default(25_000_000),
    '25000000',
    'Largest single uploaded image in pixels.',
  ),
  MEDLOOP_LOG_LEVEL: variable(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    'info',
    'Least important level that is logged.',
  ),
  MEDLOOP_TEMPORAL_BIN: variable(text.optional(), 'found or installed', 'Path of the `temporal` command.'),
  MEDLOOP_VERSITYGW_BIN: variable(text.optional(), 'found or installed', 'Path of the `versitygw` command.'),
  MEDLOOP_MLFLOW_BIN: variable(text.optional(), 'found or installed', 'Path of the `mlflow` command.'),
  MEDLOOP_PYTHON: variable(
    text.optional(),
    '`python3` on the PATH',
    'Python 3.10 or later, used to install parts.',
  ),
  MEDLOOP_CHROMIUM: variable(
    text.optional(),
    'found or installed',
    'Path of the browser that the tests drive.',
  ),
  MEDLOOP_TEMPORAL_UI_URL: variable(
    z.url().optional(),
    'that of the embedded server',
    'Address of the Temporal UI, for links to runs.',
  ),
  TEMPORAL_ADDRESS: variable(
    text.optional(),
    'the embedded server',
    'Temporal server to use instead of the embedded one.',
  ),
  TEMPORAL_NAMESPACE: variable(text.default('default'), 'default', 'Temporal namespace.'),
  MLFLOW_TRACKING_URI: variable(
    z.url().optional(),
    'the embedded server',
    'MLflow server to use instead of the embedded one.',
  ),
  MLFLOW_TRACKING_TOKEN: variable(text.optional(), 'none', 'Bearer token for MLflow.'),
  MLFLOW_TRACKING_USERNAME: variable(text.optional(), 'none', 'User name for MLflow.'),
  MLFLOW_TRACKING_PASSWORD: variable(text.optional(), 'none', 'Password for MLflow.'),
  AWS_ENDPOINT_URL_S3: variable(
    z.url().optional(),
    'the embedded server',
    'S3 server to use instead of the embedded one.',
  ),
  AWS_ENDPOINT_URL: variable(z.url().optional(), 'none', 'Used where `AWS_ENDPOINT_URL_S3` is not given.'),
  AWS_REGION: variable(text.default('us-east-1'), 'us-east-1', 'Region of the bucket.'),
  AWS_ACCESS_KEY_ID: variable(text.optional(), 'made for the embedded server', 'Access key for S3.'),
  AWS_SECRET_ACCESS_KEY: variable(text.optional(), 'made for the embedded server', 'Secret key for S3.'),
} as const satisfies Record<string, Variable<z.ZodType>>;

type VariableName = keyof typeof ENVIRONMENT;
type Values = { [K in VariableName]: z.output<(typeof ENVIRONMENT)[K]['schema']> };

/** Where things are on disk, all absolute. */
export interface HomePaths {
  readonly home: string;
  readonly logs: string;
  /** Process ids, start times and the lock of the running stack. */
  readonly run: string;
  readonly s3Data: string;
  readonly temporalDb: string;
  readonly mlflow: string;
  /** Models that the API has served, for a start without MLflow. */
  readonly serving: string;
  /** Parts, data sets and trainers' work folders; may be deleted while nothing runs. */
  readonly cache: string;
  /** Keys of the embedded S3 server (mode 600). */
  readonly credentials: string;
}

/** Everything that a process of Medloop is told by its environment. */
export interface Config {
  readonly values: Values;
  readonly paths: HomePaths;
  readonly tools: string;
  readonly temporalAddress: string;
  /** Without a slash at its end; null where it is not known. */
  readonly temporalUiUrl: string | null;
  readonly mlflowUrl: string;
  readonly s3Endpoint: string;
  readonly apiUrl: string;
  readonly servingUrls: readonly string[];
  /** True for each part whose address was not given, so that the stack starts its own. */
  readonly embedded: { readonly temporal: boolean; readonly mlflow: boolean; readonly s3: boolean };
}

/** Thrown with one readable line for each variable that is wrong. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  constructor(readonly problems: readonly string[]) {
    super(`The environment is not usable:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Reads and checks the environment once.
 * @throws ConfigError naming every variable that is wrong
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const shape = Object.fromEntries(Object.entries(ENVIRONMENT).map(([name, entry]) => [name, entry.schema]));
  // An empty string means "not given", as in shell scripts and compose files.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = z.object(shape).safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  const values = parsed.data as Values;
  const home = resolve(values.MEDLOOP_HOME ?? join(projectRoot(), '.medloop'));
  const userCache = env.XDG_CACHE_HOME ? resolve(env.XDG_CACHE_HOME) : join(homedir(), '.cache');
  const s3Address = values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL;
  const shownHost = values.MEDLOOP_HOST === '0.0.0.0' ? '127.0.0.1' : values.MEDLOOP_HOST;
  const apiUrl = (values.MEDLOOP_API_URL ?? `http://${shownHost}:${values.MEDLOOP_PORT}`).replace(/\/$/, '');
  const embeddedTemporal = values.TEMPORAL_ADDRESS === undefined;
  const temporalUi =
    values.MEDLOOP_TEMPORAL_UI_URL ??
    (embeddedTemporal ? `http://127.0.0.1:${values.MEDLOOP_TEMPORAL_UI_PORT}` : null);
  return {
    values,
    paths: {
      home,
      logs: join(home, 'logs'),
      run: join(home, 'run'),
      s3Data: join(home, 's3'),
      temporalDb: join(home, 'temporal', 'temporal.db'),
      mlflow: join(home, 'mlflow'),
      serving: join(home, 'serving'),
      cache: join(home, 'cache'),
      credentials: join(home, 'credentials.json'),
    },
    tools: resolve(values.MEDLOOP_TOOLS ?? join(userCache, 'medloop')),
    temporalAddress: values.TEMPORAL_ADDRESS ?? `127.0.0.1:${values.MEDLOOP_TEMPORAL_PORT}`,
    temporalUiUrl: temporalUi?.replace(/\/$/, '') ?? null,
    mlflowUrl: (values.MLFLOW_TRACKING_URI ?? `http://127.0.0.1:${values.MEDLOOP_MLFLOW_PORT}`).replace(
      /\/$/,
      '',
    ),
    s3Endpoint: (s3Address ?? `http://127.0.0.1:${values.MEDLOOP_S3_PORT}`).replace(/\/$/, ''),
    apiUrl,
    servingUrls: values.MEDLOOP_SERVING_URLS
      ? values.MEDLOOP_SERVING_URLS.split(',').map((url) => url.trim().replace(/\/$/, ''))
      : [apiUrl],
    embedded: {
      temporal: embeddedTemporal,
      mlflow: values.MLFLOW_TRACKING_URI === undefined,
      s3: s3Address === undefined,
    },
  };
}

/** The whole environment of this process, for handing on to a child process. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}
