/** The two workers: workflows with the control activities, and the trainer's own. */
import { Worker, type NativeConnection } from '@temporalio/worker';
import type { ControlActivities, TrainingActivities } from '../activities/types.js';
import { CONTROL_QUEUE, TRAINING_QUEUE } from '../workflows/contract.js';
import { beating } from './beating.js';
import { fewTries } from './few-tries.js';

interface WorkerPlace {
  readonly connection: NativeConnection;
  readonly namespace: string;
}

/** Runs all workflows and the activities that only talk to S3, MLflow and the APIs. */
export function createControlWorker(
  place: WorkerPlace,
  bundle: { readonly code: string },
  activities: ControlActivities,
): Promise<Worker> {
  return Worker.create({
    ...place,
    taskQueue: CONTROL_QUEUE,
    workflowBundle: { code: bundle.code },
    activities,
    interceptors: { activity: [beating, fewTries] },
    shutdownGraceTime: '1 second',
    shutdownForceTime: '8 seconds',
    // One run a week: a handful of threads, pollers and cached workflows is plenty and keeps an idle stack small.
    workflowThreadPoolSize: 1,
    maxCachedWorkflows: 50,
    maxConcurrentWorkflowTaskExecutions: 10,
    maxConcurrentWorkflowTaskPolls: 2,
    maxConcurrentActivityTaskExecutions: 20,
    maxConcurrentActivityTaskPolls: 2,
  });
}

/** Runs one training or evaluation at a time. */
export function createTrainingWorker(place: WorkerPlace, activities: TrainingActivities): Promise<Worker> {
  return Worker.create({
    ...place,
    taskQueue: TRAINING_QUEUE,
    activities,
    interceptors: { activity: [fewTries] },
    maxConcurrentActivityTaskExecutions: 1,
    maxConcurrentActivityTaskPolls: 1,
    // By default beats are held back for most of their timeout; then progress would jump and resume points be stale.
    maxHeartbeatThrottleInterval: '1 second',
    defaultHeartbeatThrottleInterval: '1 second',
    // The trainer has to write its last checkpoint within the time that a stop may take.
    shutdownGraceTime: '100 milliseconds',
    shutdownForceTime: '9 seconds',
  });
}
