/** What is said about the service itself: information, description, health, readiness, figures. */
import { toApiError, withDeadline } from '../errors.js';
import type { Mount } from '../http/router.js';
import type { KnownLabels } from '../labels.js';
import { createOpenApi } from '../openapi.js';
import type { AppPorts } from '../ports.js';
import type { Info, Readiness } from '../schema.js';

type PartState = Readiness['parts']['s3'];

/** Readiness is asked often, by more than one; the parts are asked at most this often, in ms. */
const PARTS_FRESH_MS = 2_000;
const PING_DEADLINE_MS = 2_000;

async function ping(work: () => Promise<void>, part: string): Promise<PartState> {
  try {
    await withDeadline(work(), PING_DEADLINE_MS, part);
    return { ok: true, detail: null };
  } catch (error) {
    const failure = toApiError(error);
    return { ok: false, detail: `${failure.code}: ${failure.message}` };
  }
}

export function mountService(mount: Mount, ports: AppPorts, labels: KnownLabels): void {
  const { settings, slot, watcher, metrics } = ports;
  const openApi = JSON.stringify(createOpenApi(settings.version));
  let parts: { at: number; states: Promise<[PartState, PartState, PartState]> } | null = null;

  function partStates(): Promise<[PartState, PartState, PartState]> {
    if (!parts || Date.now() - parts.at > PARTS_FRESH_MS) {
      const states = Promise.all([
        ping(() => ports.objects.ping(), 'S3'),
        ping(() => ports.registry.ping(), 'MLflow'),
        ping(() => ports.temporal.ping(), 'Temporal'),
      ]);
      parts = { at: Date.now(), states };
    }
    return parts.states;
  }

  mount('getInfo', async (_req, res) => {
    const known = await withDeadline(labels.known(), PING_DEADLINE_MS, 'S3').catch(() => null);
    const { fileBytes, files, pixels, requestBytes } = settings.limits;
    const info: Info = {
      name: 'medloop',
      version: settings.version,
      labels: [...(known?.labels ?? [])],
      synthetic: known?.synthetic ?? false,
      temporalUiUrl: settings.temporalUiUrl,
      mlflowUrl: settings.mlflowUrl,
      serving: slot.view(),
      limits: { fileBytes, files, pixels, requestBytes },
    };
    res.setHeader('cache-control', 'no-store');
    res.json(info);
  });

  mount('getOpenApi', (_req, res) => {
    res.setHeader('cache-control', 'no-cache');
    res.type('application/json').send(openApi);
  });

  mount('getHealth', (_req, res) => {
    res.setHeader('cache-control', 'no-store');
    res.json({ status: 'ok' });
  });

  mount('getReadiness', async (_req, res) => {
    const [s3, mlflow, temporal] = await partStates();
    const serving = slot.view();
    const { refused } = watcher.state();
    const readiness: Readiness = {
      ready: serving !== null,
      parts: {
        model: {
          ok: serving !== null && refused === null,
          detail:
            refused === null
              ? serving && `version ${serving.version}`
              : `version ${refused.version} was not taken: ${refused.code}`,
        },
        s3,
        mlflow,
        temporal,
      },
      serving,
      refused,
    };
    res.setHeader('cache-control', 'no-store');
    res.status(readiness.ready ? 200 : 503).json(readiness);
  });

  mount('getMetrics', async (_req, res) => {
    res.setHeader('cache-control', 'no-store');
    res.setHeader('content-type', metrics.registry.contentType);
    res.end(await metrics.registry.metrics());
  });
}
