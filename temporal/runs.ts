/** Reading runs: the latest one from the execution itself, earlier ones from visibility, figures from histories. */
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { RETRAIN_WORKFLOW } from '../workflows/contract.js';
import { TemporalError } from './errors.js';
import { GRPC, grpcCode } from './failures.js';
import { NO_DETAILS, readHistory, type RunDetails } from './run-history.js';
import { readPending, toRun } from './run-view.js';
import type { Run } from './types.js';

/** Histories of closed runs never change; this many are remembered. */
const REMEMBERED = 500;

export interface RunReader {
  /** Null where there is no such run (any more). Without an id: the latest one. */
  read(runId?: string): Promise<Run | null>;
  list(options: {
    limit: number;
    cursor?: string;
  }): Promise<{ runs: readonly Run[]; nextCursor: string | null }>;
}

/** Reads the runs of one workflow id. */
export function createRunReader(client: Client, workflowId: string): RunReader {
  const closed = new Map<string, RunDetails>();

  async function details(info: Pick<WorkflowExecutionInfo, 'runId' | 'closeTime'>): Promise<RunDetails> {
    const known = closed.get(info.runId);
    if (known !== undefined) return known;
    let read: RunDetails;
    try {
      read = readHistory(await client.workflow.getHandle(workflowId, info.runId).fetchHistory());
    } catch (error) {
      // Visibility may name a run for a moment longer than its history is kept.
      if (isNotFound(error)) return NO_DETAILS;
      throw error;
    }
    if (info.closeTime !== undefined) {
      const oldest = closed.keys().next();
      if (closed.size >= REMEMBERED && oldest.done !== true) closed.delete(oldest.value);
      closed.set(info.runId, read);
    }
    return read;
  }

  async function read(runId?: string): Promise<Run | null> {
    try {
      const description = await client.workflow.getHandle(workflowId, runId).describe();
      return toRun(description, readPending(description.raw), await details(description));
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async function list({
    limit,
    cursor,
  }: {
    limit: number;
    cursor?: string;
  }): Promise<{ runs: readonly Run[]; nextCursor: string | null }> {
    const before = cursor === undefined ? undefined : checkCursor(cursor);
    // Visibility lags a little, and a run that was started a moment ago must be in the list.
    const latest = before === undefined ? await read() : null;
    const found: WorkflowExecutionInfo[] = [];
    const query = [
      `WorkflowType = '${RETRAIN_WORKFLOW}'`,
      `WorkflowId = '${workflowId}'`,
      ...(before === undefined ? [] : [`StartTime < '${before}'`]),
    ].join(' AND ');
    for await (const info of client.workflow.list({ query, pageSize: limit + 1 })) {
      if (info.runId !== latest?.id) found.push(info);
      if (found.length > limit) break;
    }
    const earlier = await Promise.all(
      found.map(async (info) =>
        // Only the latest can still be running, whatever visibility says.
        info.status.name === 'RUNNING' ? await read(info.runId) : toRun(info, new Map(), await details(info)),
      ),
    );
    const all = [latest, ...earlier].filter((run) => run !== null);
    const runs = all.slice(0, limit);
    return { runs, nextCursor: all.length > limit ? (runs.at(-1)?.startedAt ?? null) : null };
  }

  return { read, list };
}

function isNotFound(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  // A run id that is no UUID at all.
  return grpcCode(error) === GRPC.invalidArgument;
}

function checkCursor(cursor: string): string {
  // To the millisecond, and so never later than the run that it names, which is thereby left out of the next page.
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(cursor)) return cursor;
  throw new TemporalError('CURSOR_INVALID', 'The cursor is not one that a listing of runs gave.');
}
