/** One HTTP request to the API: every failure becomes a `Failure` that can be shown to a person. */
import type { Problem } from '../../api/schema.js';
import { reportReachable } from './connection.js';

/** What went wrong, in words for the page. */
export interface Failure {
  /** The API's stable code, or `UNREACHABLE`, `TIMEOUT`, `BAD_ANSWER`, `HTTP_<status>` where it did not answer one. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** True where the same request may well succeed later. */
  readonly retryable: boolean;
}

export class ApiError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.detail);
    this.name = 'ApiError';
  }
}

const UNREACHABLE: Failure = {
  code: 'UNREACHABLE',
  title: 'Medloop cannot be reached',
  detail: 'The server does not answer. Check that Medloop is running and that you are connected.',
  retryable: true,
};
const TIMEOUT: Failure = {
  code: 'TIMEOUT',
  title: 'No answer in time',
  detail: 'The server took too long to answer.',
  retryable: true,
};
const BAD_ANSWER: Failure = {
  code: 'BAD_ANSWER',
  title: 'Unreadable answer',
  detail: 'The server answered something that this page does not understand. Reloading the page may help.',
  retryable: true,
};

/** Any thrown value as a failure. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  const detail = error instanceof Error ? error.message : String(error);
  return { code: 'PAGE_ERROR', title: 'Something went wrong in the page', detail, retryable: true };
}

/** A problem that the API answered, as a failure. */
export function fromProblem(problem: Problem): Failure {
  return {
    code: problem.code,
    title: problem.title,
    detail: problem.detail,
    retryable: problem.status >= 500 || problem.status === 408 || problem.status === 429,
  };
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === 'object' &&
    body !== null &&
    'code' in body &&
    typeof body.code === 'string' &&
    'detail' in body &&
    typeof body.detail === 'string'
  );
}

async function failureOf(response: Response): Promise<Failure> {
  const body: unknown = await response.json().catch(() => null);
  if (isProblem(body)) return fromProblem({ ...body, status: response.status });
  return {
    code: `HTTP_${response.status}`,
    title: 'The server refused',
    detail: `The server answered with status ${response.status} and did not say why.`,
    retryable: response.status >= 500,
  };
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly json?: unknown;
  readonly form?: FormData;
  readonly timeoutMs?: number;
}

/**
 * Sends one request below `/api/v1/` and resolves to the JSON body.
 * @throws ApiError for every failure, network and timeouts included
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const headers = new Headers({ accept: 'application/json' });
  const init: RequestInit = {
    method: options.method ?? 'GET',
    headers,
    signal: AbortSignal.timeout(options.timeoutMs ?? 15_000),
  };
  if (options.form !== undefined) init.body = options.form;
  if (options.json !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(options.json);
  }
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') throw new ApiError(TIMEOUT);
    reportReachable(false);
    throw new ApiError(UNREACHABLE);
  }
  reportReachable(true);
  if (!response.ok) throw new ApiError(await failureOf(response));
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(BAD_ANSWER);
  }
}
