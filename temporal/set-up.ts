/** What the control worker does at its start, so that a server that lost its data has namespace and schedule again. */
import { Client, type ConnectionLike } from '@temporalio/client';
import type { Logger } from '../config/log.js';
import { ensureNamespace } from './namespace.js';
import { ensureSchedule, type SchedulePlan } from './schedule.js';

/**
 * Sets up namespace and schedule. What the server does not allow us (a managed namespace, a plan that it does not
 * understand) is logged and does not keep the worker from its work.
 */
export async function setUpServer(
  connection: ConnectionLike,
  namespace: string,
  plan: SchedulePlan,
  log: Logger,
): Promise<void> {
  try {
    log.info({ namespace, ...(await ensureNamespace(connection, namespace)) }, 'namespace is set up');
  } catch (error) {
    log.error({ err: error, namespace }, 'namespace could not be set up; its settings are used as they are');
  }
  try {
    const result = await ensureSchedule(new Client({ connection, namespace }), plan);
    log.info({ ...plan, result }, 'schedule is set up');
  } catch (error) {
    log.error({ err: error, ...plan }, 'schedule could not be set up');
  }
}
