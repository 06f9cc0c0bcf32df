/** Last step: waits until every API says that it serves the version. */
import { z } from 'zod';
import { currentAttempt, startBeating } from './attempt.js';
import type { ActivityPorts, ServingProbe } from './ports.js';
import type { VerifyInput, VerifyResult } from './types.js';

const POLL_MS = 500;
const PROBE_MS = 5000;
const BEAT_MS = 2000;

const modelsAnswer = z.object({ serving: z.object({ version: z.coerce.string() }).nullable() });

/** Asks the API itself. */
export const probeServing: ServingProbe = async (url, timeoutMs) => {
  const answer = await fetch(`${url}/api/v1/models`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`it answers with ${answer.status}`);
  const parsed = modelsAnswer.safeParse(await answer.json());
  if (!parsed.success) throw new Error('its answer is not understood');
  return parsed.data.serving?.version ?? null;
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it does not answer in time';
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error.message;
}

/** Makes the step. An address that cannot be reached is an answer, not a failure. */
export function createVerifyServing(ports: Pick<ActivityPorts, 'probe' | 'servingUrls'>) {
  return async (input: VerifyInput): Promise<VerifyResult> => {
    const context = currentAttempt();
    const deadline = performance.now() + input.timeoutMs;
    const beating = startBeating(() => null, BEAT_MS);

    async function watch(url: string): Promise<{ serves: boolean; detail: string }> {
      for (;;) {
        const leftMs = deadline - performance.now();
        let seen: string;
        try {
          const version = await ports.probe(url, Math.ceil(Math.max(1, Math.min(PROBE_MS, leftMs))));
          if (version === input.version) return { serves: true, detail: `${url} serves version ${version}.` };
          seen = version === null ? 'it serves no model' : `it serves version ${version}`;
        } catch (error) {
          seen = reasonOf(error);
        }
        if (performance.now() + POLL_MS > deadline) {
          const seconds = Math.round(input.timeoutMs / 1000);
          const detail = `${url} did not serve version ${input.version} within ${seconds} s: ${seen}.`;
          return { serves: false, detail };
        }
        await context.sleep(POLL_MS);
      }
    }

    try {
      const answers = await Promise.all(ports.servingUrls.map(watch));
      const details =
        answers.length === 0 ? ['No serving address is known.'] : answers.map((answer) => answer.detail);
      return { verified: answers.length > 0 && answers.every((answer) => answer.serves), details };
    } finally {
      beating.stop();
    }
  };
}
