/** The record of what runs, on disk, so that the next start can end what a crash has left behind. */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { endGroup, isAlive, membersOf, startTimeOf, type ProcessIdentity } from '../processes.js';

const recordSchema = z.object({
  stackId: z.string().min(1),
  parts: z.array(
    z.object({ name: z.string(), pid: z.number().int().positive(), startedAt: z.string().min(1) }),
  ),
});

type RecordedPart = z.output<typeof recordSchema>['parts'][number];

/** A mark, not a setting: every part carries it, so that its children can be told when it is gone itself. */
export const STACK_ID_VARIABLE = '_MEDLOOP_STACK';

export interface Record {
  readonly stackId: string;
  /** Writes a part down before it runs. */
  add(name: string, identity: ProcessIdentity): void;
  remove(identity: ProcessIdentity): void;
  /** Forgets the file, after an orderly end. */
  clear(): void;
}

/** Starts an empty record. */
export function createRecord(file: string): Record {
  const stackId = randomUUID();
  let parts: RecordedPart[] = [];
  const write = (): void => {
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, JSON.stringify({ stackId, parts }, null, 1), { mode: 0o600 });
    renameSync(fresh, file);
  };
  write();
  return {
    stackId,
    add: (name, identity) => {
      parts = [...parts, { name, ...identity }];
      write();
    },
    remove: (identity) => {
      parts = parts.filter((part) => part.pid !== identity.pid || part.startedAt !== identity.startedAt);
      write();
    },
    clear: () => {
      rmSync(file, { force: true });
    },
  };
}

/**
 * Ends what an earlier stack of this home has left running: groups whose leader is the very process that was
 * recorded, and members of a group without leader that carry the earlier stack's id.
 * @returns the names of the parts that had to be ended
 */
export async function endLeftovers(file: string, graceMs: number): Promise<string[]> {
  const record = readRecord(file);
  if (record === null) return [];
  const ended: string[] = [];
  await Promise.all(
    record.parts.map(async (part) => {
      if (isAlive(part)) {
        await endGroup(part.pid, graceMs);
        ended.push(part.name);
      } else if (startTimeOf(part.pid) === null) {
        const orphans = membersOf(part.pid).filter((pid) => belongsTo(pid, record.stackId));
        for (const pid of orphans) process.kill(pid, 'SIGKILL');
        if (orphans.length > 0) ended.push(part.name);
      }
    }),
  );
  rmSync(file, { force: true });
  return ended.sort();
}

function readRecord(file: string): z.output<typeof recordSchema> | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // None, or one that a full disk has cut short: there is nothing to go by.
    return null;
  }
}

/** Only Linux shows a process's environment; elsewhere a member without its leader is left alone. */
function belongsTo(pid: number, stackId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${STACK_ID_VARIABLE}=${stackId}\0`);
  } catch {
    return false;
  }
}
