/** Process entry: all workflows and the control activities. Sets up namespace and schedule at its start. */
import { composeActivities } from '../activities/compose.js';
import { loadConfig } from '../config/env.js';
import { activitySettings } from './activity-settings.js';
import { workflowBundle } from './bundle.js';
import { sdkLogger } from './runtime-log.js';
import { setUpServer } from './set-up.js';
import { runWorkerProcess } from './worker-process.js';
import { createControlWorker } from './workers.js';

const config = loadConfig();

await runWorkerProcess('control-worker', config, async ({ connection, settings, log }) => {
  const { namespace } = settings;
  const plan = {
    cron: config.values.MEDLOOP_SCHEDULE_CRON,
    timezone: config.values.MEDLOOP_SCHEDULE_TIMEZONE,
  };
  const [bundle] = await Promise.all([
    workflowBundle(config.paths.cache, sdkLogger(log)),
    setUpServer(connection, namespace, plan, log),
  ]);
  const { control, close } = composeActivities(activitySettings(config, log));
  const worker = await createControlWorker({ connection, namespace }, bundle, control);
  return { worker, close };
});
