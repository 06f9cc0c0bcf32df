/** Ends a step that keeps failing for a reason that nobody foresaw: waiting helps against outages, not against faults. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { ActivityErrorCode } from '../activities/errors.js';

const UNFORESEEN: ActivityErrorCode = 'UNEXPECTED';
const MOST_ATTEMPTS = 4;

/** An activity interceptor: from the fourth attempt on a failure without a reason of the table is final. */
export function fewTries(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          const unforeseen = error instanceof ApplicationFailure && error.type === UNFORESEEN;
          if (!unforeseen || context.info.attempt < MOST_ATTEMPTS) throw error;
          throw ApplicationFailure.create({
            type: UNFORESEEN,
            message: error.message,
            details: error.details ?? [],
            nonRetryable: true,
            cause: error,
          });
        }
      },
    },
  };
}
