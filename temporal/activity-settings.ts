/** What the activities are told of the configuration. */
import { availableParallelism } from 'node:os';
import type { ActivitySettings } from '../activities/compose.js';
import { inheritedEnvironment, type Config } from '../config/env.js';
import type { Logger } from '../config/log.js';
import { MODEL_NAME } from '../workflows/contract.js';

/** The settings for `composeActivities`. */
export function activitySettings(config: Config, logger: Logger): ActivitySettings {
  const { values } = config;
  return {
    model: MODEL_NAME,
    s3: {
      endpoint: config.s3Endpoint,
      region: values.AWS_REGION,
      accessKeyId: values.AWS_ACCESS_KEY_ID,
      secretAccessKey: values.AWS_SECRET_ACCESS_KEY,
      bucket: values.MEDLOOP_S3_BUCKET,
      fsyncRoot: values.MEDLOOP_S3_FSYNC_ROOT ?? null,
    },
    mlflow: {
      url: config.mlflowUrl,
      auth: {
        token: values.MLFLOW_TRACKING_TOKEN,
        username: values.MLFLOW_TRACKING_USERNAME,
        password: values.MLFLOW_TRACKING_PASSWORD,
      },
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
