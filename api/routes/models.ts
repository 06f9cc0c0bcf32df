/** Registered versions of the model, and moving the alias that says which one answers. */
import { ApiError, withDeadline } from '../errors.js';
import { jsonBody, parse, personOf, type Mount } from '../http/router.js';
import type { AppPorts } from '../ports.js';
import { modelsQuerySchema, versionParamsSchema } from '../query-schema.js';
import { promoteFieldsSchema, type ModelVersionView, type PromotionView } from '../schema.js';
import type { ModelVersion, RegisteredVersion } from '../../storage/types.js';
import type { PromotionOutcome } from '../../workflows/contract.js';

function outcomeOf(outcome: PromotionOutcome): PromotionView {
  return { ...outcome, details: [...outcome.details] };
}

export function mountModels(
  mount: Mount,
  ports: Pick<AppPorts, 'registry' | 'slot' | 'temporal' | 'settings'>,
): void {
  const { registry, slot, temporal, settings } = ports;
  const { deadlineMs, promotionDeadlineMs } = settings;

  function viewOf(version: RegisteredVersion): ModelVersionView {
    const { aliases, createdAt, labels, snapshot, synthetic, verdict, mode, metrics, workflowRunId } =
      version;
    return {
      version: version.version,
      aliases: [...aliases],
      createdAt,
      labels: [...labels],
      snapshot,
      synthetic,
      verdict,
      mode,
      // JSON has no NaN: a figure that is none is left out.
      metrics: Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value))),
      workflowRunId,
      description: version.description ?? null,
      promotions: (version.promotions ?? []).map((one) => ({ ...one })),
      mlflowUrl: registry.pageUrl(version.version),
    };
  }

  mount('listModels', async (req, res) => {
    const { limit } = parse(modelsQuerySchema, req.query);
    const versions = await withDeadline(registry.list(limit), deadlineMs, 'MLflow');
    res.json({ models: versions.map(viewOf), serving: slot.view() });
  });

  mount('rollbackModel', jsonBody, async (req, res) => {
    const { by, why } = parse(promoteFieldsSchema, req.body);
    const outcome = await withDeadline(
      temporal.rollback({ by: personOf(req, by), why: why ?? 'no reason given' }),
      promotionDeadlineMs,
      'Temporal',
    );
    res.json(outcomeOf(outcome));
  });

  mount('getModel', async (req, res) => {
    const { version } = parse(versionParamsSchema, req.params);
    const found = await withDeadline(registry.get(version as ModelVersion), deadlineMs, 'MLflow');
    if (!found) throw new ApiError('VERSION_NOT_FOUND');
    res.json(viewOf(found));
  });

  mount('promoteModel', jsonBody, async (req, res) => {
    const { version } = parse(versionParamsSchema, req.params);
    const { by, why } = parse(promoteFieldsSchema, req.body);
    const outcome = await withDeadline(
      temporal.promote({ version, by: personOf(req, by), why: why ?? 'no reason given' }),
      promotionDeadlineMs,
      'Temporal',
    );
    res.json(outcomeOf(outcome));
  });
}
