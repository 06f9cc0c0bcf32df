/** Parts of this room's processes, made from the configuration. */
import { mlflowCredentials, s3Settings } from '../config/connections.js';
import type { Config } from '../config/env.js';
import type { Logger } from '../config/log.js';
import { isExam, sha256Of, splitOf } from '../model/labels.js';
import { createPreprocessor } from '../model/preprocess.js';
import { openStorage, type Storage } from '../storage/open.js';
import { createModelRegistry } from '../storage/registry/registry.js';
import type { ImageDecoder, ModelRegistry } from '../storage/types.js';
import { MODEL_NAME } from '../workflows/contract.js';

/** One hostile file may not hold a decoder for longer, in ms. */
const DECODE_TIMEOUT_MS = 5_000;
/** One request to MLflow, in ms; with its one retry still below the API's deadline. */
const MLFLOW_TIMEOUT_MS = 4_000;

export function composeDecoder(config: Config): ImageDecoder {
  const preprocessor = createPreprocessor({
    maxBytes: config.values.MEDLOOP_MAX_UPLOAD_BYTES,
    maxPixels: config.values.MEDLOOP_MAX_UPLOAD_PIXELS,
    timeoutMs: DECODE_TIMEOUT_MS,
  });
  return (bytes) => preprocessor.toModelInput(bytes);
}

export function composeStorage(config: Config, decode: ImageDecoder, logger: Logger): Storage {
  return openStorage({
    s3: { ...s3Settings(config), logger },
    decode,
    splitOf,
    isExam,
    sha256Of,
    cacheFolder: config.paths.cache,
  });
}

export function composeRegistry(config: Config, logger: Logger): ModelRegistry {
  return createModelRegistry({
    url: config.mlflowUrl,
    auth: mlflowCredentials(config),
    timeoutMs: MLFLOW_TIMEOUT_MS,
    retries: 1,
    model: MODEL_NAME,
    logger,
  });
}
