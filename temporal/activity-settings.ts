/** What the activities are told of the configuration. */
import { availableParallelism } from 'node:os';
import type { ActivitySettings } from '../activities/compose.js';
import { mlflowCredentials, s3Settings } from '../config/connections.js';
import { inheritedEnvironment, type Config } from '../config/env.js';
import type { Logger } from '../config/log.js';
import { MODEL_NAME } from '../workflows/contract.js';

/** The settings for `composeActivities`. */
export function activitySettings(config: Config, logger: Logger): ActivitySettings {
  const { values } = config;
  return {
    model: MODEL_NAME,
    s3: s3Settings(config),
    mlflow: {
      url: config.mlflowUrl,
      auth: mlflowCredentials(config),
    },
    cacheFolder: config.paths.cache,
    // One core stays for serving.
    threads: values.MEDLOOP_TRAINER_THREADS ?? Math.max(1, availableParallelism() - 1),
    niceness: values.MEDLOOP_TRAINER_NICE,
    imageLimits: {
      maxBytes: values.MEDLOOP_MAX_UPLOAD_BYTES,
      maxPixels: values.MEDLOOP_MAX_UPLOAD_PIXELS,
    },
    servingUrls: config.servingUrls,
    environment: inheritedEnvironment(),
    logger,
  };
}
