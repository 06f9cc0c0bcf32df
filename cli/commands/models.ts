/** `medloop models`: versions of the model, which one serves, promotion and rollback by hand. */
import type { Command } from 'commander';
import type { ModelVersionView, ModelsView, PromotionView } from '../../api/schema.js';
import { run, type Context } from '../context.js';
import { EXIT, type ExitCode } from '../errors.js';
import { percent, shortTime } from '../output.js';

interface ChangeOptions {
  readonly why?: string;
  readonly by?: string;
}

/** A promotion waits until every API serves the version; the server gives up before this. */
const PROMOTION_TIMEOUT_MS = 180_000;

async function list({ api, out }: Context): Promise<undefined> {
  const view = await api.request<ModelsView>('models');
  out.result(view, () => {
    out.table(
      ['version', 'aliases', 'golden accuracy', 'gate', 'mode', 'data', 'created'],
      view.models.map((model) => [
        model.version,
        model.aliases.join(', ') || '–',
        model.metrics['golden.accuracy'] === undefined ? '–' : percent(model.metrics['golden.accuracy']),
        model.verdict === 'promote' ? 'passed' : 'refused',
        model.mode,
        model.synthetic ? 'synthetic phantoms' : 'real',
        shortTime(model.createdAt),
      ]),
    );
    out.line(
      view.serving
        ? `Serving version ${view.serving.version} since ${shortTime(view.serving.since)}.`
        : 'No version is served yet.',
    );
  });
  return undefined;
}

async function show({ api, out }: Context, version: string): Promise<undefined> {
  const model = await api.request<ModelVersionView>(`models/${encodeURIComponent(version)}`);
  out.result(model, () => {
    out.line(
      `Version ${model.version}${model.aliases.length > 0 ? ` (${model.aliases.join(', ')})` : ''}, ${model.mode}, snapshot ${model.snapshot}`,
    );
    out.table(
      ['metric', 'value'],
      Object.entries(model.metrics).map(([name, value]) => [name, value.toPrecision(6)]),
    );
    if (model.mlflowUrl) out.line(`MLflow: ${model.mlflowUrl}`);
  });
  return undefined;
}

async function change({ api, out }: Context, path: string, options: ChangeOptions): Promise<ExitCode> {
  const json = { ...(options.why ? { why: options.why } : {}), ...(options.by ? { by: options.by } : {}) };
  const done = await api.request<PromotionView>(path, {
    method: 'POST',
    json,
    timeoutMs: PROMOTION_TIMEOUT_MS,
  });
  out.result(done, () => {
    out.line(
      done.verified
        ? `Version ${done.version} is in service (before: ${done.previous ?? 'none'}).`
        : `Version ${done.version} could not be verified in service; the alias was put back.`,
    );
    for (const detail of done.details) out.line(`  ${detail}`);
  });
  return done.verified ? EXIT.done : EXIT.failed;
}

export function addModelCommands(program: Command, setExit: (code: ExitCode) => void): void {
  const models = program.command('models').description('versions of the model');
  run(
    models.command('list', { isDefault: true }).description('all versions, and which one serves'),
    setExit,
    list,
  );
  run(
    models.command('show <version>').description('one version with its metrics'),
    setExit,
    (context, _options, version = '') => show(context, version),
  );
  const withReason = (command: Command): Command =>
    command.option('--why <text>', 'reason, kept with the version').option('--by <name>', 'who decides');
  run<ChangeOptions>(
    withReason(models.command('promote <version>').description('put a version into service')),
    setExit,
    (context, options, version = '') =>
      change(context, `models/${encodeURIComponent(version)}/promote`, options),
  );
  run<ChangeOptions>(
    withReason(models.command('rollback').description('go back to the version before')),
    setExit,
    (context, options) => change(context, 'models/rollback', options),
  );
}
