/** How one request to MLflow is sent, retried and judged: the transport under the typed client. */
import pRetry from 'p-retry';
import { z } from 'zod';
import { StorageError } from '../errors.js';
import type { StorageErrorCode } from '../errors.js';

/** A bearer token goes before user name and password. */
export interface MlflowAuth {
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface MlflowHttpOptions {
  /** Address of the server, with a path where it is behind a proxy. */
  readonly url: string;
  readonly auth?: MlflowAuth | undefined;
  /** Limit of one request and its answer; files get ten times as much. */
  readonly timeoutMs?: number | undefined;
  /** Further tries of requests that may be repeated. */
  readonly retries?: number | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/** An answer of MLflow that is not a success. `errorCode` is MLflow's own, where it gave one. */
export class MlflowError extends StorageError {
  constructor(
    code: StorageErrorCode,
    message: string,
    readonly status: number | null,
    readonly errorCode: string | null,
    options?: { cause?: unknown },
  ) {
    super(code, message, options);
    this.name = 'MlflowError';
  }
}

export interface MlflowRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** From the root of the server, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: Uint8Array;
  /** True when sending it twice does what sending it once does. */
  readonly repeatable: boolean;
}

export interface MlflowHttp {
  /** Sends a request and checks the JSON answer. */
  json<T extends z.ZodType>(request: MlflowRequest, schema: T): Promise<z.output<T>>;
  /** Sends a request and gives the answer's bytes. */
  bytes(request: MlflowRequest): Promise<Uint8Array>;
}

const errorBody = z.object({ error_code: z.string(), message: z.string().default('') });

/** The message of a failed answer, whatever form it has: MLflow answers JSON, plain text or an HTML page. */
function readError(text: string): { errorCode: string | null; message: string } {
  try {
    const parsed = errorBody.safeParse(JSON.parse(text));
    if (parsed.success) return { errorCode: parsed.data.error_code, message: parsed.data.message };
  } catch {
    // Not JSON: the text itself is all there is.
  }
  const plain = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return { errorCode: null, message: plain.slice(0, 300) };
}

function codeOf(status: number, errorCode: string | null): StorageErrorCode {
  if (status === 429 || status >= 500) return 'MLFLOW_UNREACHABLE';
  if (status === 404 && errorCode === null) return 'MLFLOW_UNEXPECTED';
  return 'MLFLOW_DENIED';
}

/** Address without the user name and password that it may carry: `fetch` refuses them, and no message may show them. */
export function splitAddress(address: string): { url: string; auth: MlflowAuth | undefined } {
  const parsed = new URL(address);
  const { username, password } = parsed;
  parsed.username = '';
  parsed.password = '';
  const auth =
    username === ''
      ? undefined
      : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return { url: parsed.href.replace(/\/+$/, ''), auth };
}

/** Entries that are set, so that an unset one does not hide the address's own. */
function definedOnly(auth: MlflowAuth | undefined): MlflowAuth {
  return Object.fromEntries(Object.entries(auth ?? {}).filter(([, value]) => value !== undefined));
}

function authorization(auth: MlflowAuth): string | null {
  if (auth.token !== undefined) return `Bearer ${auth.token}`;
  if (auth.username === undefined) return null;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password ?? ''}`).toString('base64')}`;
}

/** Why a request got no answer, in words. `fetch` hides the reason in nested causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error.message;
}

/**
 * Makes the transport. Requests marked repeatable are tried again after network faults, 429 and 5xx.
 * @throws MlflowError with `MLFLOW_UNREACHABLE`, `MLFLOW_DENIED` or `MLFLOW_UNEXPECTED`
 */
export function createMlflowHttp(options: MlflowHttpOptions): MlflowHttp {
  const { url, auth } = splitAddress(options.url);
  const send = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? 15_000;
  const header = authorization({ ...auth, ...definedOnly(options.auth) });

  async function once(request: MlflowRequest): Promise<Uint8Array> {
    const query = request.query ? `?${new URLSearchParams(request.query).toString()}` : '';
    const what = `${request.method} ${request.path}`;
    const headers: Record<string, string> = header === null ? {} : { authorization: header };
    // MLflow answers 400 to a JSON body without its content type.
    if (request.json !== undefined) headers['content-type'] = 'application/json';
    const isFile = request.path.includes('/mlflow-artifacts/');
    let status: number;
    let body: Uint8Array;
    try {
      const response = await send(`${url}${request.path}${query}`, {
        method: request.method,
        headers,
        signal: AbortSignal.timeout(isFile ? timeoutMs * 10 : timeoutMs),
        ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
        ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
      });
      status = response.status;
      body = new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw new MlflowError(
        'MLFLOW_UNREACHABLE',
        `MLflow at ${url} did not answer ${what}: ${describe(error)}.`,
        null,
        null,
        { cause: error },
      );
    }
    if (status >= 200 && status < 300) return body;
    const { errorCode, message } = readError(new TextDecoder().decode(body));
    throw new MlflowError(
      codeOf(status, errorCode),
      `MLflow answered ${what} with ${status}${errorCode === null ? '' : ` ${errorCode}`}: ${message}`,
      status,
      errorCode,
    );
  }

  function attempt(request: MlflowRequest): Promise<Uint8Array> {
    return pRetry(() => once(request), {
      retries: request.repeatable ? (options.retries ?? 3) : 0,
      minTimeout: options.retryDelayMs ?? 250,
      factor: 2,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof StorageError && error.retryable,
    });
  }

  return {
    bytes: attempt,
    json: async (request, schema) => {
      const what = `${request.method} ${request.path}`;
      const text = new TextDecoder().decode(await attempt(request));
      let value: unknown;
      try {
        value = text === '' ? {} : JSON.parse(text);
      } catch (error) {
        throw new MlflowError(
          'MLFLOW_UNEXPECTED',
          `The answer to ${what} is not JSON; is ${url} an MLflow server?`,
          null,
          null,
          { cause: error },
        );
      }
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      const first = parsed.error.issues[0];
      throw new MlflowError(
        'MLFLOW_UNEXPECTED',
        `The answer to ${what} is not understood: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`,
        null,
        null,
      );
    },
  };
}
