/** What stands in an address: path parameters and queries, as schemas. */
import { z } from 'zod';
import { correctionStatusSchema } from './schema.js';

const pageLimit = (fallback: number, most: number) =>
  z.coerce.number().int().min(1).max(most).default(fallback);
export const correctionsQuerySchema = z.object({
  limit: pageLimit(50, 200),
  cursor: z.string().min(1).max(200).optional(),
  label: z.string().min(1).max(100).optional(),
  author: z.string().min(1).max(200).optional(),
  status: correctionStatusSchema.optional(),
});
export const runsQuerySchema = z.object({
  limit: pageLimit(20, 100),
  cursor: z.string().min(1).max(2000).optional(),
});
export const modelsQuerySchema = z.object({ limit: pageLimit(100, 1000) });
export const dataQuerySchema = z.object({ limit: pageLimit(20, 200) });
export const importQuerySchema = z.object({ name: z.string().trim().min(1).max(200).optional() });
export const idParamsSchema = z.object({ id: z.string().min(1).max(200) });
export const correctionParamsSchema = z.object({
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, { message: 'not the id of a correction' }),
});
export const versionParamsSchema = z.object({
  version: z.string().regex(/^[1-9][0-9]{0,9}$/, { message: 'not a version number' }),
});
