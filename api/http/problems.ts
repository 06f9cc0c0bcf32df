/** The last handlers of the application: whatever fails leaves as a problem document. */
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Logger } from '../../config/log.js';
import { ApiError, CATALOGUE, toApiError, toProblem } from '../errors.js';
import { requestIdOf } from './context.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** Writes a failure as `application/problem+json`. */
export function sendProblem(req: Request, res: Response, failure: ApiError): void {
  const problem = toProblem(failure, requestIdOf(req));
  if (failure.retryAfterSeconds !== undefined) res.setHeader('retry-after', failure.retryAfterSeconds);
  res.setHeader('cache-control', 'no-store');
  res.setHeader('content-type', PROBLEM_TYPE);
  if (failure.code === 'UPLOAD_TIMEOUT') res.setHeader('connection', 'close');

  res.status(problem.status).end(JSON.stringify(problem));
}

export function notFound(): RequestHandler {
  return () => {
    throw new ApiError('ROUTE_NOT_FOUND');
  };
}

export function problemHandler(log: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  return (error: unknown, req, res, _next) => {
    const failure = toApiError(error);
    const { status } = CATALOGUE[failure.code];
    if (status >= 500) {
      const level = failure.code === 'INTERNAL' ? 'error' : 'warn';
      log[level](
        { requestId: requestIdOf(req), code: failure.code, err: failure.cause ?? failure },
        'request failed',
      );
    }
    // The answer has begun: nothing can be said any more but that it is not whole.
    if (res.headersSent || req.socket.destroyed) {
      res.destroy();
      return;
    }
    sendProblem(req, res, failure);
  };
}
