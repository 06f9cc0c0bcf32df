/** Documents in the bucket: JSON with a schema, so that what is read is known to be whole. */
import type { z } from 'zod';
import { StorageError } from './errors.js';
import type { ObjectStore } from './types.js';

/**
 * @throws StorageError `OBJECT_MISSING`, or `OBJECT_CORRUPT` when it does not have the expected form
 */
export async function readDocument<T extends z.ZodType>(
  objects: ObjectStore,
  key: string,
  schema: T,
): Promise<{ value: z.output<T>; etag: string }> {
  const { body, etag } = await objects.get(key);
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new StorageError('OBJECT_CORRUPT', `${key} is no JSON document.`, { cause: error });
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    throw new StorageError('OBJECT_CORRUPT', `${key} does not have the expected form.`, {
      cause: parsed.error,
    });
  }
  return { value: parsed.data, etag };
}

/** As `readDocument`, with null for a missing object. */
export async function findDocument<T extends z.ZodType>(
  objects: ObjectStore,
  key: string,
  schema: T,
): Promise<{ value: z.output<T>; etag: string } | null> {
  try {
    return await readDocument(objects, key, schema);
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return null;
    throw error;
  }
}

/** Writes unless it is there already; true when this call wrote it. Durable in both cases. */
export async function putOnce(
  objects: ObjectStore,
  key: string,
  body: Uint8Array | string,
  contentType = 'application/json',
): Promise<boolean> {
  try {
    await objects.put(key, body, { contentType, ifAbsent: true });
    return true;
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return false;
    throw error;
  }
}

export function hasCode(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}
