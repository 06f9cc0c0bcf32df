/** Mounts handlers from the table of operations, and the small helpers that every handler uses. */
import express, { type Express, type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { ApiError, fromZod } from '../errors.js';
import { OPERATIONS, type Operation, type OperationId } from '../operations.js';
import { nameRoute } from './context.js';

export type Mount = (id: OperationId, ...handlers: RequestHandler[]) => void;

/** Gives a function that mounts one operation, and one that closes the table when all are mounted. */
export function createMount(app: Express): { mount: Mount; close: () => void } {
  const missing = new Set<string>(Object.keys(OPERATIONS));
  return {
    mount(id, ...handlers) {
      const operation: Operation = OPERATIONS[id];
      missing.delete(id);
      app[operation.method](
        operation.path,
        (req, _res, next) => {
          nameRoute(req, operation.path);
          next();
        },
        ...handlers,
      );
    },
    close() {
      if (missing.size > 0) throw new Error(`no route for ${[...missing].join(', ')}`);
      const methods = new Map<string, string[]>();
      for (const { path, method } of Object.values<Operation>(OPERATIONS)) {
        methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()]);
      }
      for (const [path, allowed] of methods) {
        app.all(path, (_req, res) => {
          res.setHeader('allow', allowed.join(', '));
          throw new ApiError('METHOD_NOT_ALLOWED', `This address takes ${allowed.join(' and ')}.`);
        });
      }
    },
  };
}

/**
 * Checks a value from outside.
 * @throws ApiError `REQUEST_INVALID` naming each field that is wrong
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (!result.success) throw fromZod(result.error);
  return result.data;
}

const readJson: RequestHandler = express.json({ limit: '64kb', type: 'application/json' });

/** Reads a JSON body; a body of another type is refused, no body is an empty object. */
export const jsonBody: RequestHandler = (req, res, next) => {
  const type = req.headers['content-type'];
  const empty =
    req.headers['transfer-encoding'] === undefined && Number(req.headers['content-length'] ?? 0) === 0;
  if (empty) {
    req.body = {};
    next();
    return;
  }
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError('BODY_UNSUPPORTED', 'Send the body as application/json.');
  }
  readJson(req, res, next);
};

/**
 * Who does this: the one place that will know about accounts. Without them it is whoever the client says.
 */
export function personOf(_req: Request, given: string | undefined): string {
  return given ?? 'anonymous';
}
