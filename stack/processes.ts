/** Who a process is: pid together with start time, so that a pid used again is never mistaken for ours. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One process, recorded so that it can be told from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot on Linux, the start date as `ps` prints it elsewhere; compared, never computed with. */
  readonly startedAt: string;
}

/** Start time of a running process; null when there is none with this pid, or only a zombie of it. */
export function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const fields = statFields(pid);
    return fields === null || fields.state === 'Z' ? null : fields.startedAt;
  }
  try {
    const output = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
    }).trim();
    const [state, ...date] = output.split(/\s+/);
    return state === undefined || state.startsWith('Z') ? null : date.join('_');
  } catch {
    return null;
  }
}

/** True while the very process that was recorded runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startedAt;
}

/** This process, for a lock that others can check. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: startTimeOf(process.pid) ?? '' };
}

/** Pids of the members of a process group that still run; zombies are left out. */
export function membersOf(group: number): number[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const fields = statFields(pid);
        return fields !== null && fields.group === group && fields.state !== 'Z';
      });
  }
  const table = execFileSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, pgid, state]) => Number(pgid) === group && state !== undefined && !state.startsWith('Z'))
    .map(([pid]) => Number(pid));
}

/** Sends a signal to a whole process group; a group that is gone is no error. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalProcess(-group, signal);
}

/**
 * Asks the leader of a group to end (a leader ends its own members in its own order), kills what is
 * left after `graceMs` (0: at once, without asking), and resolves when no member runs any more.
 */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  if (graceMs > 0) {
    if (startTimeOf(group) === null) signalGroup(group, 'SIGTERM');
    else signalProcess(group, 'SIGTERM');
    const deadline = Date.now() + graceMs;
    while (membersOf(group).length > 0 && Date.now() < deadline) {
      await sleep(50);
      // Members that a leader leaves behind were not told yet.
      if (startTimeOf(group) === null) signalGroup(group, 'SIGTERM');
    }
  }
  while (membersOf(group).length > 0) {
    signalGroup(group, 'SIGKILL');
    await sleep(50);
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function statFields(pid: number): { state: string; group: number; startedAt: string } | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets and may itself hold blanks and brackets.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const [state, , group] = fields;
    const startedAt = fields[19];
    if (state === undefined || group === undefined || startedAt === undefined) return null;
    return { state, group: Number(group), startedAt };
  } catch {
    return null;
  }
}
