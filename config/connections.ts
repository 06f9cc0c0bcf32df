/** How S3 and MLflow are reached, as the rooms' factories take it. */
import type { Config } from './env.js';

/** Address, keys and bucket of S3; undefined keys leave the choice to the SDK. */
export function s3Settings({ s3Endpoint, values }: Config) {
  return {
    endpoint: s3Endpoint,
    region: values.AWS_REGION,
    accessKeyId: values.AWS_ACCESS_KEY_ID,
    secretAccessKey: values.AWS_SECRET_ACCESS_KEY,
    bucket: values.MEDLOOP_S3_BUCKET,
    fsyncRoot: values.MEDLOOP_S3_FSYNC_ROOT ?? null,
  };
}

/** Token or name and password for MLflow, where they are given. */
export function mlflowCredentials({ values }: Config) {
  return {
    token: values.MLFLOW_TRACKING_TOKEN,
    username: values.MLFLOW_TRACKING_USERNAME,
    password: values.MLFLOW_TRACKING_PASSWORD,
  };
}
