/** The API's routes as typed functions. Every one fails with `ApiError`. */
import type {
  CorrectionReceipt,
  CorrectionsPage,
  CorrectionWithFate,
  Info,
  ModelsView,
  Predictions,
  PromotionView,
  RunsPage,
  RunView,
  ScheduleView,
} from '../../api/schema.js';
import { request } from './http.js';

const UPLOAD_TIMEOUT_MS = 60_000;
/** A roll back waits until every API has said that it serves the version. */
const PROMOTION_TIMEOUT_MS = 180_000;

export interface CorrectionFields {
  readonly image: File;
  readonly label: string;
  readonly predictedLabel: string;
  readonly modelVersion: string;
  readonly comment: string;
  /** Empty where the person gave no name. */
  readonly author: string;
}

export const getInfo = () => request<Info>('info');
export const getModels = () => request<ModelsView>('models');
export const getSchedule = () => request<ScheduleView>('schedule');
export const getRun = (id: string) => request<RunView>(`runs/${encodeURIComponent(id)}`);
export const getCorrection = (id: string) =>
  request<CorrectionWithFate>(`corrections/${encodeURIComponent(id)}`);

/** The newest runs first. */
export const getRuns = (limit: number) => request<RunsPage>(`runs?limit=${limit}`);

/** Newest first, one page. */
export function getCorrections(cursor: string | null): Promise<CorrectionsPage> {
  const query = new URLSearchParams({ limit: '20', ...(cursor === null ? {} : { cursor }) });
  return request<CorrectionsPage>(`corrections?${query.toString()}`);
}

/** Answers in the order of `images`. */
export function predict(images: readonly File[]): Promise<Predictions> {
  const form = new FormData();
  for (const image of images) form.append('image', image, image.name);
  return request<Predictions>('predictions', { method: 'POST', form, timeoutMs: UPLOAD_TIMEOUT_MS });
}

/** Resolves only when the correction is stored durably. */
export function sendCorrection(fields: CorrectionFields): Promise<CorrectionReceipt> {
  const form = new FormData();
  form.append('label', fields.label);
  form.append('predictedLabel', fields.predictedLabel);
  form.append('modelVersion', fields.modelVersion);
  if (fields.comment.trim() !== '') form.append('comment', fields.comment.trim());
  if (fields.author.trim() !== '') form.append('author', fields.author.trim());
  form.append('image', fields.image, fields.image.name);
  return request<CorrectionReceipt>('corrections', { method: 'POST', form, timeoutMs: UPLOAD_TIMEOUT_MS });
}

/** Fails with `RUN_IN_PROGRESS` when a retrain already runs. */
export function startRun(mode: 'warm' | 'full', author: string): Promise<{ id: string }> {
  const requestedBy = author.trim();
  return request('runs', {
    method: 'POST',
    json: { mode, ...(requestedBy === '' ? {} : { requestedBy }) },
    timeoutMs: 30_000,
  });
}

/** Back to the version that `previous` names. */
export function rollBack(why: string, author: string): Promise<PromotionView> {
  const by = author.trim();
  return request('models/rollback', {
    method: 'POST',
    json: { ...(why.trim() === '' ? {} : { why: why.trim() }), ...(by === '' ? {} : { by }) },
    timeoutMs: PROMOTION_TIMEOUT_MS,
  });
}

export const correctionImageUrl = (id: string): string =>
  `/api/v1/corrections/${encodeURIComponent(id)}/image`;
export const runEventsUrl = (id: string): string => `/api/v1/runs/${encodeURIComponent(id)}/events`;
