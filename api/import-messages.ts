/** What the API and its import process say to each other. */
import { z } from 'zod';
import { importReportSchema } from './schema.js';

export const importJobSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('archive'), path: z.string(), name: z.string() }),
  z.object({ kind: z.literal('demo') }),
]);

/** Child to parent; the parent sends one job after `ready`. */
export const importMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({
    type: z.literal('progress'),
    progress: z.object({ done: z.number(), total: z.number(), phase: z.enum(['read', 'write']) }),
  }),
  z.object({ type: z.literal('report'), report: importReportSchema }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string() }),
]);
export type ImportMessage = z.output<typeof importMessageSchema>;
