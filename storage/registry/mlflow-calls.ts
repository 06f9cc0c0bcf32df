/** What the groups of MLflow calls share: answers as MLflow writes them, and small helpers. */
import { z } from 'zod';
import { MlflowError } from './mlflow-http.js';
import type { MlflowHttp, MlflowRequest } from './mlflow-http.js';

const tag = z.object({ key: z.string(), value: z.string().default('') });
const tags = z.array(tag).default([]);
/** MLflow leaves empty lists out of its answers. */
export const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);

export const experiment = z.object({
  experiment_id: z.string(),
  lifecycle_stage: z.string().default('active'),
});
export const run = z.object({
  info: z.object({ run_id: z.string(), artifact_uri: z.string(), status: z.string().default('RUNNING') }),
});
export const loggedModel = z.object({
  info: z.object({
    model_id: z.string(),
    artifact_uri: z.string(),
    status: z.string(),
    creation_timestamp_ms: z.coerce.number().default(0),
  }),
});
export const modelVersion = z.object({
  version: z.coerce.string(),
  creation_timestamp: z.coerce.number(),
  source: z.string().default(''),
  run_id: z.string().default(''),
  description: z.string().default(''),
  tags,
  aliases: list(z.string()),
});
export const registeredModel = z.object({
  name: z.string(),
  aliases: list(z.object({ alias: z.string(), version: z.coerce.string() })),
});
export const fileEntry = z.object({ path: z.string(), is_dir: z.boolean().default(false) });

export type MlflowTag = z.output<typeof tag>;
export type MlflowModelVersion = z.output<typeof modelVersion>;

export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
  readonly model_id?: string;
}

export interface MlflowDataset {
  readonly name: string;
  /** At most 36 characters. */
  readonly digest: string;
  readonly source: string;
  readonly rows: number;
  readonly context: string;
}

export const api = (path: string): string => `/api/2.0/mlflow/${path}`;
export const quoted = (value: string): string => `'${value.replaceAll("'", "\\'")}'`;
export const nothing = z.unknown();

/** JSON has no NaN or infinity; MLflow takes and gives them as words. */
export const number = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

export function artifactPath(path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `/api/2.0/mlflow-artifacts/artifacts/${encoded}`;
}

/** Turns "does not exist" into null. An alias that is not set is a 400 in MLflow, an unknown model a 404. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MlflowError) {
      const unsetAlias =
        error.errorCode === 'INVALID_PARAMETER_VALUE' && /alias .* not found/i.test(error.message);
      if (error.errorCode === 'RESOURCE_DOES_NOT_EXIST' || unsetAlias) return null;
    }
    throw error;
  }
}

/** True when the failure says that the thing to make is already there. */
export function alreadyExists(error: unknown): boolean {
  return error instanceof MlflowError && error.errorCode === 'RESOURCE_ALREADY_EXISTS';
}

/** Splits into the batches that MLflow accepts in one request. */
export function batches<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Sends to one server: reads are always repeatable, of the others the caller says whether they are. */
export function createCalls(http: MlflowHttp) {
  return {
    get: <T extends z.ZodType>(path: string, query: Record<string, string>, schema: T) =>
      http.json({ method: 'GET', path, query, repeatable: true }, schema),
    send: <T extends z.ZodType>(
      method: MlflowRequest['method'],
      path: string,
      json: unknown,
      schema: T,
      repeatable: boolean,
    ) => http.json({ method, path, json, repeatable }, schema),
  };
}
