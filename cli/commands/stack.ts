/** `medloop start` and `medloop status`: the stack as a whole. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Info, ModelsView, Readiness, ScheduleView } from '../../api/schema.js';
import { projectRoot } from '../../config/paths.js';
import { run, type Context } from '../context.js';
import { EXIT, type ExitCode } from '../errors.js';
import { shortTime } from '../output.js';

async function status({ api, out }: Context): Promise<ExitCode> {
  const info = await api.request<Info>('info', { timeoutMs: 15_000 });
  const response = await fetch(`${api.url}/readyz`, { signal: AbortSignal.timeout(15_000) });
  const readiness = (await response.json()) as Readiness;
  // Parts that are down are shown as such above; they are no reason to show nothing at all.
  const models = await api.request<ModelsView>('models').catch(() => null);
  const schedule = await api.request<ScheduleView>('schedule').catch(() => null);
  out.result({ url: api.url, info, readiness, serving: models?.serving ?? null, schedule }, () => {
    out.line(`Medloop ${info.version} at ${api.url}${info.synthetic ? ' (synthetic demo data)' : ''}`);
    out.table(
      ['part', 'state', 'detail'],
      Object.entries(readiness.parts).map(([name, part]) => [
        name,
        part.ok ? 'ok' : 'down',
        part.detail ?? '–',
      ]),
    );
    if (models?.serving)
      out.line(`Serving version ${models.serving.version} since ${shortTime(models.serving.since)}.`);
    if (schedule)
      out.line(`Next retrain: ${schedule.paused ? 'paused' : shortTime(schedule.nextTimes[0] ?? null)}`);
  });
  return readiness.ready ? EXIT.done : EXIT.failed;
}

/** Hands the terminal to the stack's own entry, so that both ways of starting are one. */
async function start(data: string | undefined): Promise<ExitCode> {
  const args = [join(projectRoot(), 'bin', 'start.mjs'), ...(data === undefined ? [] : ['--data', data])];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', forward);
  process.on('SIGTERM', forward);
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  return code === 0 ? EXIT.done : EXIT.failed;
}

export function addStackCommands(program: Command, setExit: (code: ExitCode) => void): void {
  program
    .command('start')
    .description('install what is missing and start everything on this machine')
    .option('--data <path>', 'import this zip or folder instead of the demo data')
    .action(async (options: { data?: string }) => {
      setExit(await start(options.data));
    });
  run(
    program.command('status').description('what runs, what serves, when the next retrain is due'),
    setExit,
    status,
  );
}
