/** What every request gets first: an id, a log line and a place in the latency figures. */
import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from '../../config/log.js';
import type { Metrics } from '../metrics.js';

const REQUEST_ID_HEADER = 'x-request-id';
const ACCEPTED_ID = /^[\w.-]{1,64}$/;

interface Context {
  readonly requestId: string;
  /** Path pattern of the operation; `other` for pages and unknown addresses. */
  route: string;
}

const contexts = new WeakMap<Request, Context>();

/** The id under which a request stands in the log. */
export function requestIdOf(req: Request): string {
  return contexts.get(req)?.requestId ?? 'unknown';
}

export function nameRoute(req: Request, route: string): void {
  const context = contexts.get(req);
  if (context) context.route = route;
}

export function requestContext(log: Logger, metrics: Metrics): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    const given = req.get(REQUEST_ID_HEADER);
    const context: Context = {
      requestId: given !== undefined && ACCEPTED_ID.test(given) ? given : randomUUID(),
      route: 'other',
    };
    contexts.set(req, context);
    res.setHeader(REQUEST_ID_HEADER, context.requestId);
    const started = performance.now();
    res.once('close', () => {
      const seconds = (performance.now() - started) / 1000;
      metrics.requestSeconds.observe(
        { method: req.method, route: context.route, status: String(res.statusCode) },
        seconds,
      );
      log.debug(
        {
          requestId: context.requestId,
          method: req.method,
          route: context.route,
          status: res.statusCode,
          durationMs: Math.round(seconds * 1000),
          finished: res.writableFinished,
        },
        'request',
      );
    });
    next();
  };
}
