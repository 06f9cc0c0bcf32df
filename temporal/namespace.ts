/** Brings the namespace to what Medloop needs: it exists, keeps histories for 90 days, and knows the search attributes. */
import { setTimeout as delay } from 'node:timers/promises';
import { msToTs, optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { ConnectionLike } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../workflows/contract.js';
import { GRPC, grpcCode } from './failures.js';

const DAY_MS = 86_400_000;
/** A weekly run must still be readable when the next ones are judged; the development server keeps only one day. */
const RETENTION_MS = 90 * DAY_MS;
/** A new namespace is known to every part of the server only after its caches were refreshed (10 s by default). */
const VISIBLE_LIMIT_MS = 30_000;
const VISIBLE_PAUSE_MS = 250;
/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API: what every one of our search attributes is. */
const INDEXED_KEYWORD = 2;

export interface NamespaceChanges {
  readonly created: boolean;
  readonly retentionRaised: boolean;
  readonly searchAttributesAdded: readonly string[];
}

/** Idempotent. A longer retention than ours is left as it is. */
export async function ensureNamespace(
  connection: ConnectionLike,
  namespace: string,
): Promise<NamespaceChanges> {
  const { workflowService } = connection;
  let created = false;
  let retentionRaised = false;
  try {
    const { config } = await workflowService.describeNamespace({ namespace });
    if ((optionalTsToMs(config?.workflowExecutionRetentionTtl) ?? 0) < RETENTION_MS) {
      await workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
      });
      retentionRaised = true;
    }
  } catch (error) {
    if (grpcCode(error) !== GRPC.notFound) throw error;
    await workflowService.registerNamespace({
      namespace,
      description: 'Medloop',
      workflowExecutionRetentionPeriod: msToTs(RETENTION_MS),
    });
    created = true;
    await until(async () => {
      await workflowService.listWorkflowExecutions({ namespace, pageSize: 1 });
      return true;
    });
  }
  return {
    created,
    retentionRaised,
    searchAttributesAdded: await ensureSearchAttributes(connection, namespace),
  };
}

async function ensureSearchAttributes(
  { operatorService }: ConnectionLike,
  namespace: string,
): Promise<string[]> {
  const known = async (): Promise<ReadonlySet<string>> => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return new Set(Object.keys(customAttributes));
  };
  const before = await known();
  const missing = Object.keys(SEARCH_ATTRIBUTES).filter((name) => !before.has(name));
  if (missing.length === 0) return [];
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_KEYWORD])),
  });
  await until(async () => {
    const now = await known();
    return missing.every((name) => now.has(name));
  });
  return missing;
}

/** Repeats a check that the server may deny or not know for a moment. */
async function until(check: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += VISIBLE_PAUSE_MS) {
    try {
      if (await check()) return;
    } catch (error) {
      if (grpcCode(error) !== GRPC.notFound || waitedMs >= VISIBLE_LIMIT_MS) throw error;
    }
    if (waitedMs >= VISIBLE_LIMIT_MS) throw new Error('the namespace did not show its changes in time');
    await delay(VISIBLE_PAUSE_MS);
  }
}
