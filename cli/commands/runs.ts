/** `medloop retrain`, `medloop runs` and `medloop schedule`: start, follow and plan retrains. */
import { Option, type Command } from 'commander';
import type { RunsPage, RunView, ScheduleView } from '../../api/schema.js';
import { run, type Context } from '../context.js';
import { CliError, type ExitCode } from '../errors.js';
import { shortTime } from '../output.js';
import { exitOf, printOutcome, watchRun } from '../watch.js';

interface RetrainOptions {
  readonly full?: boolean;
  readonly wait?: boolean;
  readonly attach?: boolean;
  readonly by?: string;
  readonly first?: boolean;
}

async function runningId({ api }: Context): Promise<string | null> {
  const page = await api.request<RunsPage>('runs?limit=5');
  return page.runs.find((one) => one.state === 'running')?.id ?? null;
}

async function retrain(context: Context, options: RetrainOptions): Promise<ExitCode | undefined> {
  const { api, out } = context;
  let id: string;
  try {
    const body = {
      mode: options.full ? 'full' : 'warm',
      ...(options.first ? { trigger: 'start' } : {}),
      ...(options.by ? { requestedBy: options.by } : {}),
    };
    ({ id } = await api.request<{ id: string }>('runs', { method: 'POST', json: body }));
  } catch (error) {
    const running =
      error instanceof CliError && error.problemCode === 'RUN_IN_PROGRESS' ? await runningId(context) : null;
    if (!options.attach || running === null) throw error;
    id = running;
    out.note(`A retrain is already running; following it (${id}).`);
  }
  if (!options.wait && !options.attach) {
    out.result({ id }, () => {
      out.line(`Started retrain ${id}. Follow it with: npx medloop runs watch ${id}`);
    });
    return undefined;
  }
  const ended = await watchRun(context, id);
  printOutcome(context, ended);
  return exitOf(ended);
}

async function listRuns({ api, out }: Context): Promise<undefined> {
  const page = await api.request<RunsPage>('runs?limit=20');
  out.result(page, () => {
    out.table(
      ['run', 'trigger', 'mode', 'state', 'verdict', 'version', 'started'],
      page.runs.map((one) => [
        one.id,
        one.trigger,
        one.mode,
        one.state,
        one.outcome?.verdict ?? '–',
        one.outcome?.modelVersion ?? '–',
        shortTime(one.startedAt),
      ]),
    );
  });
  return undefined;
}

/** The run that was named, or the newest one. */
async function chosen(context: Context, id: string | undefined): Promise<string> {
  if (id !== undefined) return id;
  const page = await context.api.request<RunsPage>('runs?limit=1');
  const newest = page.runs[0];
  if (!newest) throw new CliError('USAGE', 'There is no run yet. Start one with: npx medloop retrain');
  return newest.id;
}

async function showRun(context: Context, id: string | undefined): Promise<undefined> {
  const { api, out } = context;
  const one = await api.request<RunView>(`runs/${encodeURIComponent(await chosen(context, id))}`);
  out.result(one, () => {
    out.line(`Run ${one.id}: ${one.mode}, by ${one.requestedBy} (${one.trigger}), ${one.state}`);
    out.table(
      ['step', 'state', 'attempts', 'started', 'ended'],
      one.steps.map((step) => [
        step.name,
        step.state,
        String(step.attempt),
        shortTime(step.startedAt),
        shortTime(step.endedAt),
      ]),
    );
    if (one.state !== 'running') printOutcome(context, one);
    if (one.temporalUrl) out.line(`History: ${one.temporalUrl}`);
  });
  return undefined;
}

async function cancelRun(context: Context, id: string | undefined): Promise<undefined> {
  const target = id ?? (await runningId(context));
  if (target === null) throw new CliError('USAGE', 'No retrain is running.');
  await context.api.request(`runs/${encodeURIComponent(target)}/cancel`, { method: 'POST', json: {} });
  context.out.result({ id: target, cancelling: true }, () => {
    context.out.line(`Run ${target} is being cancelled.`);
  });
  return undefined;
}

function printSchedule({ out }: Context, schedule: ScheduleView): void {
  out.result(schedule, () => {
    out.line(
      `${schedule.cron} (${schedule.timezone})${schedule.paused ? `, paused: ${schedule.note ?? 'no reason given'}` : ''}`,
    );
    for (const time of schedule.nextTimes.slice(0, 5)) out.line(`  next ${shortTime(time)}`);
  });
}

export function addRunCommands(program: Command, setExit: (code: ExitCode) => void): void {
  const retrainCommand = program
    .command('retrain')
    .description('train on the corrections, test against the model in service, promote if better')
    .option('--full', 'train from scratch on all data instead of going on from the model in service')
    .option('--wait', 'wait for the end (exit 3: refused by the gate, 4: nothing new)')
    .option('--attach', 'follow the retrain that is already running instead of failing')
    .option('--by <name>', 'who asks for it')
    .addOption(new Option('--first', 'the first training of a new stack').hideHelp());
  run<RetrainOptions>(retrainCommand, setExit, retrain);

  const runs = program.command('runs').description('retrains, past and present');
  run(runs.command('list', { isDefault: true }).description('the newest runs'), setExit, listRuns);
  run(
    runs.command('show [id]').description('one run with its steps (default: the newest)'),
    setExit,
    (context, _options, id) => showRun(context, id),
  );
  run(
    runs.command('watch [id]').description('follow a run to its end'),
    setExit,
    async (context, _options, id) => {
      const ended = await watchRun(context, await chosen(context, id));
      printOutcome(context, ended);
      return exitOf(ended);
    },
  );
  run(runs.command('cancel [id]').description('stop a running retrain'), setExit, (context, _options, id) =>
    cancelRun(context, id),
  );

  const schedule = program.command('schedule').description('when the weekly retrain runs');
  run(
    schedule.command('show', { isDefault: true }).description('cron, zone and next times'),
    setExit,
    async (context) => {
      printSchedule(context, await context.api.request<ScheduleView>('schedule'));
      return undefined;
    },
  );
  const change = async (context: Context, json: object): Promise<undefined> => {
    printSchedule(context, await context.api.request<ScheduleView>('schedule', { method: 'PATCH', json }));
    return undefined;
  };
  run<{ note?: string }>(
    schedule.command('pause').description('stop scheduled retrains').option('--note <text>', 'why'),
    setExit,
    (context, options) => change(context, { paused: true, ...(options.note ? { note: options.note } : {}) }),
  );
  run<{ note?: string }>(
    schedule.command('resume').description('let scheduled retrains run again').option('--note <text>', 'why'),
    setExit,
    (context, options) => change(context, { paused: false, ...(options.note ? { note: options.note } : {}) }),
  );
  run(
    schedule.command('set <cron>').description('change when it runs (five fields)'),
    setExit,
    (context, _options, cron) => change(context, { cron }),
  );
  run(
    schedule.command('trigger').description('start the scheduled retrain now'),
    setExit,
    async (context) => {
      await context.api.request('schedule/trigger', { method: 'POST', json: {} });
      context.out.result({ triggered: true }, () => {
        context.out.line('The scheduled retrain was triggered (skipped when one is running).');
      });
      return undefined;
    },
  );
}
