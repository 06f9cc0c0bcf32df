/** Temporal in memory, with a switch that takes it down. */
import { TemporalError } from '../../../temporal/errors.js';
import type { Run, ScheduleStatus, TemporalClient } from '../../../temporal/types.js';
import { Switch } from './fakes.js';

const temporalDown = () => new TemporalError('TEMPORAL_UNREACHABLE', 'connect ECONNREFUSED 10.0.0.1:7233');

export function run(id: string, change: Partial<Run> = {}): Run {
  return {
    id,
    trigger: 'manual',
    mode: 'warm',
    requestedBy: 'anonymous',
    state: 'running',
    startedAt: '2026-01-05T03:00:00.000Z',
    endedAt: null,
    steps: [
      { name: 'snapshot', state: 'succeeded', attempt: 1, startedAt: null, endedAt: null },
      { name: 'train', state: 'running', attempt: 1, startedAt: null, endedAt: null },
    ],
    progress: null,
    outcome: null,
    failure: null,
    ...change,
  };
}

export function fakeTemporal() {
  const gate = new Switch(temporalDown);
  const runs = new Map<string, Run>();
  let schedule: ScheduleStatus = {
    cron: '0 3 * * 1',
    timezone: 'UTC',
    paused: false,
    note: null,
    nextTimes: ['2026-01-12T03:00:00.000Z'],
    lastRunAt: null,
  };
  const asked: string[] = [];
  let promotion: () => Promise<void> = () => Promise.resolve();
  const client: TemporalClient = {
    async startRetrain({ mode, requestedBy }) {
      await gate.pass();
      const running = [...runs.values()].find((one) => one.state === 'running');
      if (running) {
        throw new TemporalError('RUN_IN_PROGRESS', 'A retrain is already running.', { runId: running.id });
      }
      const id = `run-${runs.size + 1}`;
      runs.set(id, run(id, { mode, requestedBy }));
      return { id };
    },
    async listRuns({ limit }) {
      await gate.pass();
      return { runs: [...runs.values()].reverse().slice(0, limit), nextCursor: null };
    },
    async getRun(id) {
      await gate.pass();
      return runs.get(id) ?? null;
    },
    async cancelRun(id) {
      await gate.pass();
      const found = runs.get(id);
      if (!found) throw new TemporalError('RUN_NOT_FOUND', 'There is no run with this id.');
      if (found.state !== 'running') throw new TemporalError('RUN_ENDED', 'The run has already ended.');
      runs.set(id, { ...found, state: 'cancelled', endedAt: new Date().toISOString() });
    },
    async promote(options) {
      await gate.pass();
      await promotion();
      asked.push(`promote ${options.version} by ${options.by}: ${options.why}`);
      return { version: options.version, previous: null, verified: true, movedBack: false, details: [] };
    },
    async rollback(options) {
      await gate.pass();
      await promotion();
      asked.push(`rollback by ${options.by}: ${options.why}`);
      return {
        version: '1',
        previous: '2',
        verified: true,
        movedBack: false,
        details: ['http://127.0.0.1 serves version 1.'],
      };
    },
    async schedule() {
      await gate.pass();
      return schedule;
    },
    async updateSchedule(change) {
      await gate.pass();
      if (change.cron === 'not a cron')
        throw new TemporalError('SCHEDULE_INVALID', 'not a cron: five fields.');
      schedule = { ...schedule, ...change };
      return schedule;
    },
    async triggerSchedule() {
      await gate.pass();
      asked.push('trigger');
    },
    ping: () => gate.pass(),
    close: () => Promise.resolve(),
  };
  return {
    client,
    gate,
    runs,
    asked,
    onPromotion(action: typeof promotion) {
      promotion = action;
    },
  };
}
