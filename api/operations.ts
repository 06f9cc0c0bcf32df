/** Every operation of the API: method, address, inputs, outputs and errors. Routes are mounted from this table. */
import { z } from 'zod';
import type { ErrorCode } from './errors.js';
import { JSON_BODY, MLFLOW, PROMOTION, S3, TEMPORAL, UPLOAD } from './operation-errors.js';
import * as query from './query-schema.js';
import * as schema from './schema.js';

export interface Operation {
  readonly method: 'get' | 'post' | 'patch';
  /** Express pattern. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: Readonly<Record<string, z.ZodType | 'binary'>>;
  readonly responses: Readonly<
    Record<
      number,
      {
        readonly description: string;
        readonly content: Readonly<Record<string, z.ZodType | 'text' | 'binary'>>;
      }
    >
  >;
  /** Codes that this operation can answer with, besides `COMMON_ERRORS`. */
  readonly errors: readonly ErrorCode[];
}

const json = (description: string, body: z.ZodType) => ({
  description,
  content: { 'application/json': body },
});

const images = (most: number) =>
  z
    .union([z.array(z.file()).min(1).max(most), z.file()])
    .meta({ description: `1 to ${most} JPEG or PNG files` });

export const OPERATIONS = {
  createPredictions: {
    method: 'post',
    path: '/api/v1/predictions',
    summary: 'Classify 1 to 32 images',
    tag: 'Predictions',
    body: { 'multipart/form-data': z.object({ image: images(32) }) },
    responses: { 200: json('One item for each file, in the order of the files.', schema.predictionsSchema) },
    errors: [...UPLOAD, 'NO_MODEL'],
  },
  createCorrection: {
    method: 'post',
    path: '/api/v1/corrections',
    summary: 'Say what an image really shows',
    tag: 'Corrections',
    body: { 'multipart/form-data': schema.correctionFieldsSchema.extend({ image: z.file() }) },
    responses: {
      200: json('The same was said before: its first receipt.', schema.correctionReceiptSchema),
      201: json('Stored durably.', schema.correctionReceiptSchema),
    },
    errors: [...UPLOAD, ...S3, 'S3_FULL', 'LABEL_UNKNOWN', 'NO_LABELS'],
  },
  listCorrections: {
    method: 'get',
    path: '/api/v1/corrections',
    summary: 'Corrections, newest first',
    tag: 'Corrections',
    query: query.correctionsQuerySchema,
    responses: { 200: json('One page.', schema.correctionsSchema) },
    errors: [...S3, 'CURSOR_INVALID'],
  },
  getCorrection: {
    method: 'get',
    path: '/api/v1/corrections/:id',
    summary: 'One correction with its fate',
    tag: 'Corrections',
    params: query.correctionParamsSchema,
    responses: { 200: json('The correction.', schema.correctionWithFateSchema) },
    errors: [...S3, 'CORRECTION_NOT_FOUND'],
  },
  getCorrectionImage: {
    method: 'get',
    path: '/api/v1/corrections/:id/image',
    summary: 'The image of a correction as it was uploaded',
    tag: 'Corrections',
    params: query.correctionParamsSchema,
    responses: {
      200: { description: 'The bytes.', content: { 'image/jpeg': 'binary', 'image/png': 'binary' } },
    },
    errors: [...S3, 'CORRECTION_NOT_FOUND', 'OBJECT_MISSING'],
  },
  reviewCorrection: {
    method: 'post',
    path: '/api/v1/corrections/:id/review',
    summary: 'Accept or reject a correction',
    tag: 'Corrections',
    params: query.correctionParamsSchema,
    body: { 'application/json': schema.reviewFieldsSchema },
    responses: { 200: json('The correction after the review.', schema.correctionSchema) },
    errors: [...JSON_BODY, ...S3, 'S3_FULL', 'CORRECTION_NOT_FOUND', 'OBJECT_CHANGED', 'OBJECT_EXISTS'],
  },
  startRun: {
    method: 'post',
    path: '/api/v1/runs',
    summary: 'Start a retrain',
    tag: 'Runs',
    body: { 'application/json': schema.startRunSchema },
    responses: { 202: json('Started.', schema.startedRunSchema) },
    errors: [...JSON_BODY, ...TEMPORAL, 'RUN_IN_PROGRESS'],
  },
  listRuns: {
    method: 'get',
    path: '/api/v1/runs',
    summary: 'Runs, newest first',
    tag: 'Runs',
    query: query.runsQuerySchema,
    responses: { 200: json('One page.', schema.runsSchema) },
    errors: [...TEMPORAL, 'CURSOR_INVALID'],
  },
  getRun: {
    method: 'get',
    path: '/api/v1/runs/:id',
    summary: 'One run with its steps and progress',
    tag: 'Runs',
    params: query.idParamsSchema,
    responses: { 200: json('The run.', schema.runSchema) },
    errors: [...TEMPORAL, 'RUN_NOT_FOUND'],
  },
  cancelRun: {
    method: 'post',
    path: '/api/v1/runs/:id/cancel',
    summary: 'Cancel a run',
    tag: 'Runs',
    params: query.idParamsSchema,
    responses: { 202: json('Asked to stop.', schema.startedRunSchema) },
    errors: ['ORIGIN_FOREIGN', ...TEMPORAL, 'RUN_NOT_FOUND', 'RUN_ENDED'],
  },
  watchRun: {
    method: 'get',
    path: '/api/v1/runs/:id/events',
    summary: 'The run whenever it changes, as server-sent events, until it ends',
    tag: 'Runs',
    params: query.idParamsSchema,
    responses: {
      200: { description: 'Each `data` is a run.', content: { 'text/event-stream': 'text' } },
      204: { description: 'The end was already sent (`Last-Event-ID: end`).', content: {} },
    },
    errors: [...TEMPORAL, 'RUN_NOT_FOUND'],
  },
  listModels: {
    method: 'get',
    path: '/api/v1/models',
    summary: 'Registered versions, newest first, and the one that answers',
    tag: 'Models',
    query: query.modelsQuerySchema,
    responses: { 200: json('The versions.', schema.modelsSchema) },
    errors: [...MLFLOW],
  },
  getModel: {
    method: 'get',
    path: '/api/v1/models/:version',
    summary: 'One registered version',
    tag: 'Models',
    params: query.versionParamsSchema,
    responses: { 200: json('The version.', schema.modelVersionSchema) },
    errors: [...MLFLOW, 'VERSION_NOT_FOUND'],
  },
  promoteModel: {
    method: 'post',
    path: '/api/v1/models/:version/promote',
    summary: 'Let a version answer',
    tag: 'Models',
    params: query.versionParamsSchema,
    body: { 'application/json': schema.promoteFieldsSchema },
    responses: { 200: json('The alias was moved.', schema.promotionSchema) },
    errors: [...PROMOTION, 'VERSION_UNKNOWN'],
  },
  rollbackModel: {
    method: 'post',
    path: '/api/v1/models/rollback',
    summary: 'Go back to the version that answered before',
    tag: 'Models',
    body: { 'application/json': schema.promoteFieldsSchema },
    responses: { 200: json('The alias was moved back.', schema.promotionSchema) },
    errors: [...PROMOTION, 'NOTHING_TO_ROLL_BACK'],
  },
  getSchedule: {
    method: 'get',
    path: '/api/v1/schedule',
    summary: 'The weekly schedule and its next times',
    tag: 'Schedule',
    responses: { 200: json('The schedule.', schema.scheduleSchema) },
    errors: [...TEMPORAL, 'SCHEDULE_MISSING'],
  },
  changeSchedule: {
    method: 'patch',
    path: '/api/v1/schedule',
    summary: 'Pause, resume or move the schedule',
    tag: 'Schedule',
    body: { 'application/json': schema.patchScheduleSchema },
    responses: { 200: json('The schedule after the change.', schema.scheduleSchema) },
    errors: [...JSON_BODY, ...TEMPORAL, 'SCHEDULE_MISSING', 'SCHEDULE_INVALID'],
  },
  triggerSchedule: {
    method: 'post',
    path: '/api/v1/schedule/trigger',
    summary: 'Start a scheduled run now',
    tag: 'Schedule',
    responses: { 202: json('Triggered.', schema.scheduleSchema) },
    errors: ['ORIGIN_FOREIGN', ...TEMPORAL, 'SCHEDULE_MISSING'],
  },
  getData: {
    method: 'get',
    path: '/api/v1/data',
    summary: 'Snapshots of the data set, newest first',
    tag: 'Data',
    query: query.dataQuerySchema,
    responses: { 200: json('The snapshots.', schema.dataSchema) },
    errors: [...S3],
  },
  createImport: {
    method: 'post',
    path: '/api/v1/imports',
    summary: 'Import base data: a zip archive with a folder for each class, or the demo phantoms',
    tag: 'Data',
    query: query.importQuerySchema,
    body: { 'application/zip': 'binary', 'application/json': schema.importRequestSchema },
    responses: {
      200: {
        description: 'One line for each step; the last has `report` or `problem`.',
        content: { 'application/x-ndjson': schema.importLineSchema },
      },
    },
    errors: [...JSON_BODY, 'IMPORT_RUNNING', 'IMPORT_TOO_LARGE', 'IMPORT_EMPTY', 'DISK_FULL', 'STOPPING'],
  },
  getInfo: {
    method: 'get',
    path: '/api/v1/info',
    summary: 'What the page needs at its start',
    tag: 'Service',
    responses: { 200: json('Name, version, classes, addresses and limits.', schema.infoSchema) },
    errors: [],
  },
  getOpenApi: {
    method: 'get',
    path: '/api/v1/openapi.json',
    summary: 'This description',
    tag: 'Service',
    responses: { 200: json('OpenAPI 3.1.', z.looseObject({ openapi: z.literal('3.1.0') })) },
    errors: [],
  },
  getHealth: {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the process answers',
    tag: 'Service',
    responses: { 200: json('It does.', schema.healthSchema) },
    errors: [],
  },
  getReadiness: {
    method: 'get',
    path: '/readyz',
    summary: 'Whether a model is loaded, and each part by name',
    tag: 'Service',
    responses: {
      200: json('A model is loaded.', schema.readinessSchema),
      503: json('No model is loaded yet.', schema.readinessSchema),
    },
    errors: [],
  },
  getMetrics: {
    method: 'get',
    path: '/metrics',
    summary: 'Figures in the text format of Prometheus',
    tag: 'Service',
    responses: { 200: { description: 'The figures.', content: { 'text/plain': 'text' } } },
    errors: [],
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
