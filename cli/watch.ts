/** Follows a run until its end, with its steps and the training's progress on standard error. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView } from '../api/schema.js';
import type { Context } from './context.js';
import { CliError, EXIT, type ExitCode } from './errors.js';

const POLL_EVERY_MS = 1000;
/** The API may be restarted while a run is watched; the run itself goes on. */
const PATIENCE_MS = 60_000;

function describeOutcome(run: RunView): string {
  if (run.state === 'failed') return `The run failed: ${run.failure?.message ?? 'no reason is known'}`;
  if (run.state === 'cancelled') return 'The run was cancelled.';
  const version = run.outcome?.modelVersion ?? '–';
  switch (run.outcome?.verdict) {
    case 'promoted':
      return `Version ${version} was promoted and is verified in service.`;
    case 'refused':
      return `Version ${version} was refused by the gate; the model in service stays.`;
    case 'nothing-new':
      return 'Nothing new: there are no corrections since the last training.';
    case 'rolled-back':
      return `Version ${version} was promoted, could not be verified in service, and was taken back.`;
    case 'already-running':
      return 'Another retrain was already running.';
    case undefined:
      return 'The run ended.';
  }
}

/** Exit code that a finished run means for the command line. */
export function exitOf(run: RunView): ExitCode {
  if (run.state !== 'succeeded') return EXIT.failed;
  switch (run.outcome?.verdict) {
    case 'promoted':
      return EXIT.done;
    case 'refused':
      return EXIT.refused;
    case 'nothing-new':
      return EXIT.nothingNew;
    case 'rolled-back':
    case 'already-running':
    case undefined:
      return EXIT.failed;
  }
}

/** Prints how a run ended: one JSON document, or a sentence and the gate's reasons. */
export function printOutcome({ out }: Context, run: RunView): void {
  out.result(run, () => {
    out.line(describeOutcome(run));
    for (const reason of run.outcome?.reasons ?? [])
      out.line(`  ${reason.passed ? '✓' : '✗'} ${reason.text}`);
  });
}

/** @throws CliError NOT_REACHABLE when the API stays away for a minute */
export async function watchRun(context: Context, id: string): Promise<RunView> {
  const { api, out } = context;
  const bar = out.progress('Training');
  const said = new Set<string>();
  let reachableAt = Date.now();
  try {
    for (;;) {
      let run: RunView;
      try {
        run = await api.request<RunView>(`runs/${encodeURIComponent(id)}`, { timeoutMs: 15_000 });
        reachableAt = Date.now();
      } catch (error) {
        const passing =
          error instanceof CliError &&
          (error.code === 'NOT_REACHABLE' || error.problemCode === 'TEMPORAL_UNREACHABLE');
        if (!passing || Date.now() - reachableAt > PATIENCE_MS) throw error;
        await sleep(POLL_EVERY_MS);
        continue;
      }
      for (const step of run.steps) {
        const news = `${step.name} ${step.state}`;
        if (step.state === 'pending' || said.has(news)) continue;
        said.add(news);
        if (step.name === 'train' && step.state !== 'running') bar.stop();
        out.note(`  ${step.name}: ${step.state}${step.attempt > 1 ? ` (attempt ${step.attempt})` : ''}`);
      }
      if (run.progress) {
        const { step, totalSteps, loss, imagesPerSecond, remainingSeconds } = run.progress;
        const detail = `loss ${loss.toFixed(3)}, ${Math.round(imagesPerSecond)} images/s, ${Math.ceil(remainingSeconds)} s left`;
        bar.update(step, totalSteps, detail);
      }
      if (run.state !== 'running') return run;
      await sleep(POLL_EVERY_MS);
    }
  } finally {
    bar.stop();
  }
}
