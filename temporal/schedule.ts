/** The weekly schedule: set up, read, changed, triggered. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import {
  CONTROL_QUEUE,
  MODEL_NAME,
  SCHEDULE_ID,
  SCHEDULED_RETRAIN_WORKFLOW,
  type RetrainInput,
} from '../workflows/contract.js';
import { cronOf, looksLikeCron } from './cron.js';
import { defaultRetrainInput } from './defaults.js';
import { TemporalError } from './errors.js';
import { GRPC, grpcCode, grpcDetails } from './failures.js';
import type { ScheduleStatus } from './types.js';

/** Spreads the starts of many installations on one cluster; short, so that "due at three" stays true. */
const JITTER_MS = 10_000;
/** Ticks missed while the server was down are made up for within this time. */
const CATCHUP_WINDOW = '3 days';

export interface SchedulePlan {
  readonly cron: string;
  readonly timezone: string;
}

/** The plan that the configuration had when the schedule was last set up; kept in the memo of the schedule's action. */
const PLAN_MEMO = 'plan';

/**
 * Creates the schedule, or brings its action and policies up to date. Pause, note and a plan that someone changed since
 * stay as they are, unless the configured plan itself has changed.
 * @throws TemporalError `SCHEDULE_INVALID` for a plan that the server does not understand
 */
export async function ensureSchedule(client: Client, plan: SchedulePlan): Promise<'created' | 'updated'> {
  checkCron(plan.cron);
  const input = defaultRetrainInput({ mode: 'warm', trigger: 'schedule', requestedBy: 'schedule' });
  const fixed = {
    action: scheduledAction(input, plan),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW, pauseOnFailure: true },
  } satisfies Partial<ScheduleOptions>;
  try {
    await client.schedule.create({ scheduleId: SCHEDULE_ID, spec: specOf(plan), ...fixed });
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw invalidPlan(error, plan);
  }
  try {
    await client.schedule.getHandle(SCHEDULE_ID).update((previous) => {
      const configured = previous.action.memo?.[PLAN_MEMO] as SchedulePlan | undefined;
      const replanned = configured?.cron !== plan.cron || configured.timezone !== plan.timezone;
      return { ...fixed, spec: replanned ? specOf(plan) : previous.spec, state: previous.state };
    });
    return 'updated';
  } catch (error) {
    throw invalidPlan(error, plan);
  }
}

function specOf({ cron, timezone }: SchedulePlan): ScheduleOptions['spec'] {
  return { cronExpressions: [cron.trim()], timezone, jitter: JITTER_MS };
}

function scheduledAction(input: RetrainInput, plan: SchedulePlan) {
  return {
    type: 'startWorkflow' as const,
    workflowType: SCHEDULED_RETRAIN_WORKFLOW,
    workflowId: `scheduled-retrain/${MODEL_NAME}`,
    taskQueue: CONTROL_QUEUE,
    args: [input],
    memo: { [PLAN_MEMO]: { cron: plan.cron, timezone: plan.timezone } },
    staticSummary: `weekly retrain of ${MODEL_NAME}`,
  };
}

/** @throws TemporalError `SCHEDULE_MISSING` */
export async function readSchedule(client: Client): Promise<ScheduleStatus> {
  return toStatus(await describe(client));
}

/**
 * Pauses, resumes or moves the schedule and resolves when the change shows.
 * @throws TemporalError `SCHEDULE_MISSING`, `SCHEDULE_INVALID`
 */
export async function changeSchedule(
  client: Client,
  change: { paused?: boolean; cron?: string; note?: string },
): Promise<ScheduleStatus> {
  const { cron } = change;
  if (cron !== undefined) checkCron(cron);
  const before = await describe(client);
  const timezone = before.spec.timezone ?? 'UTC';
  const paused = change.paused ?? before.state.paused;
  // A note explains a pause; one that is lifted takes its note along.
  const note = change.note ?? (paused === before.state.paused ? before.state.note : undefined);
  try {
    await client.schedule.getHandle(SCHEDULE_ID).update((previous) => ({
      action: previous.action,
      policies: previous.policies,
      spec: cron === undefined ? previous.spec : specOf({ cron, timezone }),
      state: { paused, ...(note === undefined ? {} : { note }) },
    }));
  } catch (error) {
    throw invalidPlan(error, { cron: cron ?? cronOf(before.spec), timezone });
  }
  return shown(client, (now) => {
    const updated = now.info.lastUpdatedAt?.getTime() !== before.info.lastUpdatedAt?.getTime();
    return updated && now.state.paused === paused;
  });
}

/** The server takes an update first and applies it a moment later. */
async function shown(
  client: Client,
  applied: (now: ScheduleDescription) => boolean,
): Promise<ScheduleStatus> {
  for (let waitedMs = 0; ; waitedMs += SHOWN_PAUSE_MS) {
    const now = await describe(client);
    if (applied(now) || waitedMs >= SHOWN_LIMIT_MS) return toStatus(now);
    await delay(SHOWN_PAUSE_MS);
  }
}
const SHOWN_PAUSE_MS = 100;
const SHOWN_LIMIT_MS = 2_000;

/**
 * Starts a scheduled run now; while one is under way nothing happens, as at a regular tick.
 * @throws TemporalError `SCHEDULE_MISSING`
 */
export async function triggerSchedule(client: Client): Promise<void> {
  try {
    // Without the argument the SDK would override the schedule's own policy with ALLOW_ALL.
    await client.schedule.getHandle(SCHEDULE_ID).trigger(ScheduleOverlapPolicy.SKIP);
  } catch (error) {
    throw missing(error);
  }
}

async function describe(client: Client): Promise<ScheduleDescription> {
  try {
    return await client.schedule.getHandle(SCHEDULE_ID).describe();
  } catch (error) {
    throw missing(error);
  }
}

function toStatus({ spec, state, info }: ScheduleDescription): ScheduleStatus {
  return {
    cron: cronOf(spec),
    timezone: spec.timezone === undefined || spec.timezone === '' ? 'UTC' : spec.timezone,
    paused: state.paused,
    note: state.note === undefined || state.note === '' ? null : state.note,
    nextTimes: info.nextActionTimes.map((time) => time.toISOString()),
    lastRunAt: info.recentActions.at(-1)?.takenAt.toISOString() ?? null,
  };
}

function checkCron(cron: string): void {
  if (looksLikeCron(cron)) return;
  throw new TemporalError('SCHEDULE_INVALID', `"${cron}" is not a cron expression of five fields.`);
}

function missing(error: unknown): unknown {
  if (!(error instanceof ScheduleNotFoundError)) return error;
  return new TemporalError(
    'SCHEDULE_MISSING',
    'The weekly schedule is not set up yet; the control worker does that at its start.',
    { cause: error },
  );
}

function invalidPlan(error: unknown, plan: SchedulePlan): unknown {
  // The SDK turns the server's "invalid argument" into a TypeError at an update, and not at a creation.
  if (!(error instanceof TypeError) && grpcCode(error) !== GRPC.invalidArgument) return missing(error);
  return new TemporalError(
    'SCHEDULE_INVALID',
    `The schedule "${plan.cron}" in the time zone ${plan.timezone} is not understood: ${grpcDetails(error)}`,
    { cause: error },
  );
}
