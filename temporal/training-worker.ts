/** Process entry: training and evaluation, one at a time. */
import { composeActivities } from '../activities/compose.js';
import { loadConfig } from '../config/env.js';
import { activitySettings } from './activity-settings.js';
import { runWorkerProcess } from './worker-process.js';
import { createTrainingWorker } from './workers.js';

const config = loadConfig();

await runWorkerProcess('training-worker', config, async ({ connection, settings, log }) => {
  const { training, close } = composeActivities(activitySettings(config, log));
  const worker = await createTrainingWorker({ connection, namespace: settings.namespace }, training);
  return { worker, close };
});
