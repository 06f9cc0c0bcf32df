/** The command line's view of the HTTP API: requests, problems turned into errors, streamed answers. */
import { Readable } from 'node:stream';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { Problem } from '../api/schema.js';
import { CliError } from './errors.js';

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly form?: FormData;
  /** Sent as it is, with this content type. */
  readonly stream?: { readonly body: Readable; readonly contentType: string };
  readonly timeoutMs?: number;
}

export interface ApiClient {
  readonly url: string;
  /** Sends a request and gives the parsed JSON answer; the caller names its type, which the API's schemas describe. */
  request<T>(path: string, options?: RequestOptions): Promise<T>;
  /** Sends a request and yields each line of an NDJSON answer. */
  lines<T>(path: string, options?: RequestOptions): AsyncIterable<T>;
  bytes(path: string): Promise<Uint8Array>;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value;
}

/** Turns the network's own words (`ECONNREFUSED`, `fetch failed`) into one sentence. */
function unreachable(url: string, cause: unknown): CliError {
  return new CliError(
    'NOT_REACHABLE',
    `Medloop's API does not answer at ${url}. Start it with: npm start`,
    null,
    { cause },
  );
}

/** @param url address of the API without a trailing slash */
export function createApiClient(url: string): ApiClient {
  async function send(path: string, options: RequestOptions): Promise<Response> {
    const headers = new Headers({ accept: 'application/json, application/x-ndjson' });
    const init: RequestInit & { duplex?: 'half' } = { method: options.method ?? 'GET', headers };
    if (options.json !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = JSON.stringify(options.json);
    } else if (options.form) {
      init.body = options.form;
    } else if (options.stream) {
      headers.set('content-type', options.stream.contentType);
      init.body = Readable.toWeb(options.stream.body) as ReadableStream<Uint8Array>;
      init.duplex = 'half';
    }
    if (options.timeoutMs !== undefined) init.signal = AbortSignal.timeout(options.timeoutMs);
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1/${path}`, init);
    } catch (error) {
      throw unreachable(url, error);
    }
    if (response.ok) return response;
    const text = await response.text();
    let problem: unknown;
    try {
      problem = JSON.parse(text);
    } catch {
      problem = null;
    }
    if (isProblem(problem)) throw new CliError('API_REFUSED', problem.detail, problem.code);
    throw new CliError('ANSWER_NOT_UNDERSTOOD', `The API answered ${response.status} without saying why.`);
  }

  return {
    url,
    async request<T>(path: string, options: RequestOptions = {}): Promise<T> {
      const response = await send(path, { timeoutMs: 60_000, ...options });
      if (response.status === 204) return undefined as T;
      try {
        return (await response.json()) as T;
      } catch (error) {
        throw new CliError('ANSWER_NOT_UNDERSTOOD', `The answer to ${path} is not JSON.`, null, {
          cause: error,
        });
      }
    },
    async *lines<T>(path: string, options: RequestOptions = {}): AsyncIterable<T> {
      const response = await send(path, options);
      if (!response.body) return;
      const decoder = new TextDecoder();
      let rest = '';
      try {
        for await (const chunk of Readable.fromWeb(response.body as NodeStream)) {
          rest += decoder.decode(chunk as Uint8Array, { stream: true });
          const found = rest.split('\n');
          rest = found.pop() ?? '';
          for (const line of found) if (line.trim() !== '') yield JSON.parse(line) as T;
        }
      } catch (error) {
        if (error instanceof SyntaxError) {
          throw new CliError('ANSWER_NOT_UNDERSTOOD', `A line of the answer to ${path} is not JSON.`, null, {
            cause: error,
          });
        }
        throw unreachable(url, error);
      }
      if (rest.trim() !== '') yield JSON.parse(rest) as T;
    },
    async bytes(path: string): Promise<Uint8Array> {
      const response = await send(path, { timeoutMs: 60_000 });
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
