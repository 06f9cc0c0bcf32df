/** The figures of a training by epoch, as `history.json` and checkpoints keep them. */
import { z } from 'zod';

/** `EpochMetrics[]` of model/types.ts. */
export const epochsSchema = z.array(
  z.object({
    epoch: z.number(),
    loss: z.number(),
    trainAccuracy: z.number(),
    validationAccuracy: z.number(),
    validationLoss: z.number(),
    seconds: z.number(),
  }),
);
