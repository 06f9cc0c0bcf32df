/** Heartbeats for activities that only wait for other servers, so that Temporal notices a dead worker within seconds. */
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';

const BEAT_MS = 2_000;

/**
 * An activity interceptor that beats without details while an activity runs. Not for activities that resume from their
 * details: a bare beat erases them.
 */
export function beating(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        const timer = setInterval(() => {
          context.heartbeat();
        }, BEAT_MS);
        try {
          return await next(input);
        } finally {
          clearInterval(timer);
        }
      },
    },
  };
}
