/** The calls of MLflow's REST API that the registry needs, typed; checked against MLflow 3.17. */
import { z } from 'zod';
import { artifactPath, createCalls, fileEntry, list } from './mlflow-calls.js';
import { createMlflowHttp } from './mlflow-http.js';
import type { MlflowHttpOptions } from './mlflow-http.js';
import { createModelCalls } from './mlflow-models.js';
import { createTrackingCalls } from './mlflow-tracking.js';

export type MlflowClient = ReturnType<typeof createMlflowClient>;

/** Makes the client of one server. Failures are `MlflowError`s. */
export function createMlflowClient(options: MlflowHttpOptions) {
  const http = createMlflowHttp(options);
  const { get } = createCalls(http);
  return {
    ...createTrackingCalls(http),
    ...createModelCalls(http),
    putArtifact: (path: string, body: Uint8Array) =>
      http.bytes({ method: 'PUT', path: artifactPath(path), body, repeatable: true }),
    getArtifact: (path: string) => http.bytes({ method: 'GET', path: artifactPath(path), repeatable: true }),
    /** One level of a folder, names relative to it. */
    listArtifacts: async (path: string) => {
      const answer = await get(
        '/api/2.0/mlflow-artifacts/artifacts',
        { path },
        z.object({ files: list(fileEntry) }),
      );
      return answer.files;
    },
  };
}
