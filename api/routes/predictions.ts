/** `POST predictions`: images in, answers out. */
import type { Request, Response } from 'express';
import { requestIdOf } from '../http/context.js';
import type { Mount } from '../http/router.js';
import { uploadsOf, type imageUpload } from '../http/uploads.js';
import { CATALOGUE, toApiError, toProblem, type ApiError } from '../errors.js';
import type { AppPorts } from '../ports.js';
import type { PredictionItem } from '../schema.js';

export function mountPredictions(
  mount: Mount,
  ports: Pick<AppPorts, 'predictor' | 'metrics' | 'settings' | 'log'>,
  upload: ReturnType<typeof imageUpload>,
): void {
  const { predictor, metrics, settings, log } = ports;

  mount('createPredictions', upload(settings.limits.files), async (req: Request, res: Response) => {
    const uploads = uploadsOf(req);
    const readable = uploads.flatMap(({ name, bytes }) => (bytes instanceof Error ? [] : [{ name, bytes }]));
    const answers = readable.length === 0 ? [] : await predictor.predict(readable);

    let next = 0;
    const failures: ApiError[] = [];
    const predictions = uploads.map(({ name, bytes }): PredictionItem => {
      const outcome = bytes instanceof Error ? bytes : answers[next++];
      if (outcome !== undefined && !(outcome instanceof Error)) {
        metrics.predictions.inc({ outcome: 'ok', version: outcome.model.version });
        return outcome;
      }
      const failure = toApiError(outcome);
      metrics.predictions.inc({ outcome: failure.code, version: '' });
      if (CATALOGUE[failure.code].status >= 500) {
        log.error({ requestId: requestIdOf(req), code: failure.code, err: outcome }, 'image failed');
      }
      failures.push(failure);
      return { image: { name }, problem: toProblem(failure) };
    });
    // Nothing could be read: the request as a whole failed, for the first file's reason.
    const [first] = failures;
    if (first && failures.length === predictions.length) throw first;

    res.setHeader('cache-control', 'no-store');
    res.setHeader('content-type', 'application/json; charset=utf-8');
    res.end(JSON.stringify({ predictions }));
  });
}
