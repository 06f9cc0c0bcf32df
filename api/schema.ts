/** Every input and output of the HTTP API, as schemas: the one source of validation, types and `openapi.json`. */
import { z } from 'zod';

const isoTime = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fraction = z.number().min(0).max(1);

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string().optional(),
    /** Also in the header `x-request-id` and in the log. */
    requestId: z.string().optional(),
    /** Where one field is at fault: which, and what is wrong with it. */
    issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .loose();

export const modelRefSchema = z.object({ name: z.string(), version: z.string() });

export const predictionSchema = z.object({
  image: z.object({ name: z.string(), sha256, width: z.number().int(), height: z.number().int() }),
  label: z.string(),
  confidence: fraction,
  probabilities: z.record(z.string(), fraction),
  unfamiliar: z.boolean(),
  unfamiliarity: z.number(),
  model: modelRefSchema,
});
export const failedPredictionSchema = z.object({
  image: z.object({ name: z.string() }),
  problem: problemSchema,
});
export const predictionsSchema = z.object({
  predictions: z.array(z.union([predictionSchema, failedPredictionSchema])),
});

export const correctionFieldsSchema = z.object({
  label: z.string().min(1).max(100),
  predictedLabel: z.string().min(1).max(100).optional(),
  modelVersion: z.string().min(1).max(100).optional(),
  comment: z.string().max(2000).optional(),
  author: z.string().trim().min(1).max(200).optional(),
});
export const correctionStatusSchema = z.enum(['accepted', 'disputed', 'rejected']);
export const correctionReceiptSchema = z.object({
  id: z.string(),
  image: z.object({ sha256 }),
  label: z.string(),
  status: correctionStatusSchema,
  submittedAt: isoTime,
});
export const correctionSchema = correctionReceiptSchema.extend({
  author: z.string(),
  predicted: z.object({ label: z.string(), modelVersion: z.string().nullable() }).nullable(),
  comment: z.string().nullable(),
  superseded: z.boolean(),
  golden: z.boolean(),
  review: z
    .object({ decision: z.enum(['accept', 'reject']), reviewer: z.string(), reviewedAt: isoTime })
    .nullable(),
});
export const correctionsSchema = z.object({
  corrections: z.array(correctionSchema),
  nextCursor: z.string().nullable(),
});
export const fateSchema = z.object({
  snapshot: z.string().nullable(),
  learnedIn: z.string().nullable(),
  answersNow: z.object({ label: z.string(), confidence: fraction, version: z.string() }).nullable(),
  /** Fields that are null only because a part that knows them does not answer. */
  unknown: z.array(z.enum(['snapshot', 'learnedIn', 'answersNow'])),
});
export const correctionWithFateSchema = correctionSchema.extend({ fate: fateSchema });
export const reviewFieldsSchema = z.object({
  decision: z.enum(['accept', 'reject']),
  reviewer: z.string().trim().min(1).max(200).optional(),
});

export const reasonSchema = z.object({ code: z.string(), passed: z.boolean(), text: z.string() });
/** Why something failed, in one sentence. */
const failureSchema = z.object({ code: z.string(), message: z.string() });
export const stepSchema = z.object({
  name: z.string(),
  state: z.enum(['pending', 'running', 'succeeded', 'failed', 'skipped', 'cancelled']),
  attempt: z.number().int(),
  startedAt: isoTime.nullable(),
  endedAt: isoTime.nullable(),
  /** Why the latest attempt failed, while the step waits for its next one. */
  lastFailure: failureSchema.optional(),
});
export const epochSchema = z.object({
  epoch: z.number().int(),
  loss: z.number(),
  trainAccuracy: fraction,
  validationAccuracy: fraction,
  validationLoss: z.number(),
  seconds: z.number(),
});
export const progressSchema = z.object({
  step: z.number().int(),
  totalSteps: z.number().int(),
  epoch: z.number().int(),
  totalEpochs: z.number().int(),
  loss: z.number(),
  imagesPerSecond: z.number(),
  remainingSeconds: z.number(),
  epochs: z.array(epochSchema),
});
export const runSchema = z.object({
  id: z.string(),
  trigger: z.enum(['schedule', 'manual', 'start']),
  mode: z.enum(['warm', 'full']),
  requestedBy: z.string(),
  state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  startedAt: isoTime,
  endedAt: isoTime.nullable(),
  steps: z.array(stepSchema),
  /** Of the training step while it runs; null otherwise or where it cannot be read. */
  progress: progressSchema.nullable(),
  outcome: z
    .object({
      verdict: z.enum(['promoted', 'refused', 'nothing-new', 'rolled-back', 'already-running']),
      modelVersion: z.string().nullable(),
      snapshot: z.string().nullable(),
      reasons: z.array(reasonSchema),
    })
    .nullable(),
  failure: failureSchema.nullable(),
  /** Page of the run in the Temporal UI; null where no UI is known. */
  temporalUrl: z.string().nullable(),
});
export const runsSchema = z.object({ runs: z.array(runSchema), nextCursor: z.string().nullable() });
export const startRunSchema = z.object({
  mode: z.enum(['warm', 'full']).default('warm'),
  /** `start`: the first training, which the stack asks for when no model is in service yet. */
  trigger: z.enum(['manual', 'start']).default('manual'),
  requestedBy: z.string().trim().min(1).max(200).optional(),
});
export const startedRunSchema = z.object({ id: z.string() });

export const modelVersionSchema = z.object({
  version: z.string(),
  aliases: z.array(z.string()),
  createdAt: isoTime,
  labels: z.array(z.string()),
  snapshot: z.string(),
  synthetic: z.boolean(),
  verdict: z.enum(['promote', 'refuse']),
  mode: z.enum(['warm', 'full']),
  metrics: z.record(z.string(), z.number()),
  workflowRunId: z.string(),
  description: z.string().nullable(),
  /** Every time that `prod` was moved to this version, oldest first. */
  promotions: z.array(
    z.object({ at: isoTime, by: z.string(), from: z.string().nullable(), to: z.string(), why: z.string() }),
  ),
  mlflowUrl: z.string().nullable(),
});
/** The model that this API answers with. */
export const servingSchema = z.object({
  version: z.string(),
  since: isoTime,
  labels: z.array(z.string()),
  synthetic: z.boolean(),
});
export const modelsSchema = z.object({
  models: z.array(modelVersionSchema),
  serving: servingSchema.nullable(),
});
export const promoteFieldsSchema = z.object({
  why: z.string().trim().min(1).max(1000).optional(),
  by: z.string().trim().min(1).max(200).optional(),
});
export const promotionSchema = z.object({
  version: z.string(),
  previous: z.string().nullable(),
  verified: z.boolean(),
  /** True when serving did not confirm the version, so that the alias is back where it was. */
  movedBack: z.boolean(),
  details: z.array(z.string()),
});

export const scheduleSchema = z.object({
  cron: z.string(),
  timezone: z.string(),
  paused: z.boolean(),
  note: z.string().nullable(),
  nextTimes: z.array(isoTime),
  lastRunAt: isoTime.nullable(),
});
export const patchScheduleSchema = z
  .object({
    paused: z.boolean().optional(),
    cron: z.string().min(9).max(200).optional(),
    note: z.string().max(500).optional(),
  })
  .refine((body) => body.paused !== undefined || body.cron !== undefined, {
    message: 'give `paused` or `cron`',
  });

export const partStateSchema = z.object({ ok: z.boolean(), detail: z.string().nullable() });
export const readinessSchema = z.object({
  ready: z.boolean(),
  parts: z.object({
    model: partStateSchema,
    s3: partStateSchema,
    mlflow: partStateSchema,
    temporal: partStateSchema,
  }),
  serving: servingSchema.nullable(),
  /** The last version that was offered and not taken; null once a later one is served. */
  refused: z.object({ version: z.string(), code: z.string(), message: z.string(), at: isoTime }).nullable(),
});
export const healthSchema = z.object({ status: z.literal('ok') });

/** What the page needs to know at its start. */
export const infoSchema = z.object({
  name: z.literal('medloop'),
  version: z.string(),
  labels: z.array(z.string()),
  synthetic: z.boolean(),
  temporalUiUrl: z.string().nullable(),
  mlflowUrl: z.string().nullable(),
  serving: servingSchema.nullable(),
  limits: z.object({
    fileBytes: z.number().int(),
    files: z.number().int(),
    pixels: z.number().int(),
    /** All files of one request together. */
    requestBytes: z.number().int(),
  }),
});

export const importReportSchema = z.object({
  snapshot: z.string(),
  changed: z.boolean(),
  labels: z.array(z.string()),
  images: z.number().int(),
  added: z.number().int(),
  perClass: z.record(z.string(), z.number().int()),
  counts: z.record(z.string(), z.record(z.string(), z.number().int())),
  synthetic: z.boolean(),
  seconds: z.number(),
  broken: z.array(z.object({ name: z.string(), code: z.string(), message: z.string() })),
  duplicates: z.array(z.object({ name: z.string(), firstName: z.string() })),
  conflicts: z.array(z.object({ sha256, names: z.array(z.string()) })),
  missingClasses: z.array(z.string()),
  ignored: z.number().int(),
});
export const importRequestSchema = z.object({ demo: z.literal(true) });
/** One line of the NDJSON answer to `POST imports`; the last line has `report` or `problem`. */
export const importLineSchema = z.union([
  z.object({
    progress: z.object({ done: z.number().int(), total: z.number().int(), phase: z.enum(['read', 'write']) }),
  }),
  z.object({ report: importReportSchema }),
  z.object({ problem: problemSchema }),
]);
export const dataSchema = z.object({
  snapshots: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['import', 'corrections']),
      createdAt: isoTime,
      digest: z.string(),
      corrections: z.number().int(),
      counts: z.record(z.string(), z.record(z.string(), z.number().int())),
      synthetic: z.boolean(),
      source: z.string().nullable(),
    }),
  ),
});

export type Serving = z.output<typeof servingSchema>;
export type Fate = z.output<typeof fateSchema>;
export type PredictionItem = z.output<typeof predictionsSchema>['predictions'][number];
export type Problem = z.output<typeof problemSchema>;
export type Prediction = z.output<typeof predictionSchema>;
export type Predictions = z.output<typeof predictionsSchema>;
export type CorrectionReceipt = z.output<typeof correctionReceiptSchema>;
export type CorrectionView = z.output<typeof correctionSchema>;
export type CorrectionsPage = z.output<typeof correctionsSchema>;
export type CorrectionWithFate = z.output<typeof correctionWithFateSchema>;
export type RunView = z.output<typeof runSchema>;
export type RunsPage = z.output<typeof runsSchema>;
export type ModelVersionView = z.output<typeof modelVersionSchema>;
export type ModelsView = z.output<typeof modelsSchema>;
export type PromotionView = z.output<typeof promotionSchema>;
export type ScheduleView = z.output<typeof scheduleSchema>;
export type Readiness = z.output<typeof readinessSchema>;
export type Info = z.output<typeof infoSchema>;
export type ImportReportView = z.output<typeof importReportSchema>;
export type ImportLine = z.output<typeof importLineSchema>;
export type DataView = z.output<typeof dataSchema>;
