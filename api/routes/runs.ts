/** Retrains: start, list, show, cancel, and watch as server-sent events. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { ApiError, withDeadline } from '../errors.js';
import { jsonBody, parse, personOf, type Mount } from '../http/router.js';
import type { AppPorts } from '../ports.js';
import { idParamsSchema, runsQuerySchema } from '../query-schema.js';
import { startRunSchema, type RunView } from '../schema.js';
import type { Run } from '../../temporal/types.js';
import { MODEL_NAME, retrainWorkflowId } from '../../workflows/contract.js';

/** Event id of a run's last state: a browser that reconnects with it is told to stop (204). */
const END_EVENT_ID = 'end';

export function mountRuns(
  mount: Mount,
  ports: Pick<AppPorts, 'temporal' | 'settings' | 'log' | 'stopping'>,
): void {
  const { temporal, settings, log, stopping } = ports;
  const { deadlineMs } = settings;

  function viewOf(run: Run): RunView {
    const workflow = encodeURIComponent(retrainWorkflowId(MODEL_NAME));
    const base = settings.temporalUiUrl;
    return {
      ...run,
      steps: run.steps.map((step) => ({ ...step })),
      progress: run.progress && {
        ...run.progress,
        epochs: run.progress.epochs.map((epoch) => ({ ...epoch })),
      },
      outcome: run.outcome && {
        ...run.outcome,
        reasons: run.outcome.reasons.map((reason) => ({ ...reason })),
      },
      temporalUrl:
        base &&
        `${base}/namespaces/${encodeURIComponent(settings.temporalNamespace)}/workflows/${workflow}/${encodeURIComponent(run.id)}/history`,
    };
  }

  async function read(id: string): Promise<RunView> {
    const run = await withDeadline(temporal.getRun(id), deadlineMs, 'Temporal');
    if (!run) throw new ApiError('RUN_NOT_FOUND');
    return viewOf(run);
  }

  mount('startRun', jsonBody, async (req, res) => {
    const { mode, trigger, requestedBy } = parse(startRunSchema, req.body);
    const started = await withDeadline(
      temporal.startRetrain({ mode, trigger, requestedBy: personOf(req, requestedBy) }),
      deadlineMs,
      'Temporal',
    );
    res.setHeader('location', `/api/v1/runs/${encodeURIComponent(started.id)}`);
    res.status(202).json({ id: started.id });
  });

  mount('listRuns', async (req, res) => {
    const { limit, cursor } = parse(runsQuerySchema, req.query);
    const page = await withDeadline(
      temporal.listRuns({ limit, ...(cursor === undefined ? {} : { cursor }) }),
      deadlineMs,
      'Temporal',
    );
    res.json({ runs: page.runs.map(viewOf), nextCursor: page.nextCursor });
  });

  mount('getRun', async (req, res) => {
    res.json(await read(parse(idParamsSchema, req.params).id));
  });

  mount('cancelRun', async (req, res) => {
    const { id } = parse(idParamsSchema, req.params);
    await withDeadline(temporal.cancelRun(id), deadlineMs, 'Temporal');
    res.status(202).json({ id });
  });

  /** Writes the run whenever it differs from what was written last. Temporal being away for a while does not end it. */
  async function follow(id: string, first: RunView, res: Response, signal: AbortSignal): Promise<void> {
    let run = first;
    let written = '';
    for (;;) {
      const text = JSON.stringify(run);
      const ended = run.state !== 'running';
      if (text !== written) {
        res.write(`${ended ? `id: ${END_EVENT_ID}\n` : ''}data: ${text}\n\n`);
        written = text;
      }
      if (ended) return;
      let waitMs = settings.eventsPollMs;
      for (;;) {
        await sleep(waitMs, undefined, { signal });
        try {
          run = await read(id);
          break;
        } catch (error) {
          log.warn({ run: id, err: error }, 'run cannot be read while it is watched');
          waitMs = Math.min(waitMs * 2, 10_000);
        }
      }
    }
  }

  mount('watchRun', async (req: Request, res: Response) => {
    const { id } = parse(idParamsSchema, req.params);
    if (req.headers['last-event-id'] === END_EVENT_ID) {
      res.status(204).end();
      return;
    }
    // Read before the answer begins, so that an unknown run or a missing Temporal is a proper problem.
    const first = await read(id);
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const gone = new AbortController();
    res.once('close', () => {
      gone.abort();
    });
    const heartbeat = setInterval(() => res.write(': still here\n\n'), settings.eventsHeartbeatMs);
    try {
      await follow(id, first, res, AbortSignal.any([gone.signal, stopping]));
    } catch (error) {
      if (!gone.signal.aborted && !stopping.aborted) throw error;
    } finally {
      clearInterval(heartbeat);
      res.end();
    }
  });
}
