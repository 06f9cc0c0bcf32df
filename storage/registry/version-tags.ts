/** What Medloop writes into the tags of a model version, and how it reads them back. */
import { z } from 'zod';
import type {
  ModelVersion,
  PromotionRecord,
  RegisteredVersion,
  RegistrationRequest,
  SnapshotId,
} from '../types.js';
import type { MlflowModelVersion, MlflowTag } from './mlflow-calls.js';

/** Tag by which the run, the logged model and the version of one retrain are found again. */
export const RUN_KEY = 'workflow_run_id';
/** Tag with the SHA-256 of every file of the version: a JSON object from path to digest. */
const DIGESTS = 'sha256';
const PROMOTION = 'promotion.';

const labelList = z.array(z.string());
const figures = z.record(z.string(), z.number());
const digests = z.record(z.string(), z.string());
const promotion = z.object({
  at: z.string(),
  by: z.string(),
  from: z.string().nullable(),
  to: z.string(),
  why: z.string(),
});

export function toTags(record: Readonly<Record<string, string>>): MlflowTag[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

function read<T extends z.ZodType>(text: string | undefined, schema: T): z.output<T> | null {
  if (text === undefined) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** The tags that make a version what it is; they are written in the request that makes the version. */
export function versionTags(
  request: RegistrationRequest,
  fileDigests: Readonly<Record<string, string>>,
): Record<string, string> {
  const finite = Object.entries(request.metrics).filter(([, value]) => Number.isFinite(value));
  // Those with MLflow's own prefix mean something on runs and logged models only.
  const extra = Object.entries(request.tags).filter(([key]) => !key.startsWith('mlflow.'));
  return {
    ...Object.fromEntries(extra),
    [RUN_KEY]: request.workflowRunId,
    labels: JSON.stringify(request.labels),
    snapshot: request.snapshot,
    snapshot_digest: request.snapshotDigest,
    verdict: request.verdict,
    mode: request.mode,
    synthetic: String(request.synthetic),
    metrics: JSON.stringify(Object.fromEntries(finite)),
    [DIGESTS]: JSON.stringify(fileDigests),
  };
}

const asRecord = (tags: readonly MlflowTag[]): Record<string, string | undefined> =>
  Object.fromEntries(tags.map((tag) => [tag.key, tag.value]));

/** Digests of a version's files; null for a version that something else than Medloop registered. */
export function fileDigests(version: MlflowModelVersion): Readonly<Record<string, string>> | null {
  return read(asRecord(version.tags)[DIGESTS], digests);
}

/** Every recorded move of `prod` to this version, oldest first. */
export function promotions(version: MlflowModelVersion): readonly PromotionRecord[] {
  return version.tags
    .filter((tag) => tag.key.startsWith(PROMOTION))
    .map((tag) => read(tag.value, promotion))
    .filter((record) => record !== null)
    .map((record) => ({
      ...record,
      from: record.from as ModelVersion | null,
      to: record.to as ModelVersion,
    }))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Name and value of the tag that keeps one move. The name holds the time, so that no move overwrites another. */
export function promotionTag(record: PromotionRecord): { key: string; value: string } {
  return { key: `${PROMOTION}${record.at}`, value: JSON.stringify(record) };
}

/**
 * A version as Medloop sees it. One that was registered by other means lacks tags: it gets empty labels and the verdict
 * `refuse`, so that it shows in lists and nothing takes it into service by itself.
 */
export function toRegisteredVersion(
  version: MlflowModelVersion,
  aliases: readonly string[] = version.aliases,
): RegisteredVersion {
  const tags = asRecord(version.tags);
  return {
    version: version.version as ModelVersion,
    aliases: [...aliases].sort(),
    createdAt: new Date(version.creation_timestamp).toISOString(),
    labels: read(tags['labels'], labelList) ?? [],
    snapshot: (tags['snapshot'] ?? '') as SnapshotId,
    snapshotDigest: tags['snapshot_digest'] ?? '',
    synthetic: tags['synthetic'] === 'true',
    runId: version.run_id,
    workflowRunId: tags[RUN_KEY] ?? '',
    verdict: tags['verdict'] === 'promote' ? 'promote' : 'refuse',
    metrics: read(tags['metrics'], figures) ?? {},
    mode: tags['mode'] === 'warm' ? 'warm' : 'full',
    description: version.description,
    promotions: promotions(version),
  };
}
