/** `medloop corrections`: list, review and export what people corrected. */
import type { Command } from 'commander';
import type { CorrectionsPage, CorrectionView } from '../../api/schema.js';
import { run, type Context } from '../context.js';
import { CliError, type ExitCode } from '../errors.js';
import { shortTime } from '../output.js';

interface ListOptions {
  readonly status?: string;
  readonly author?: string;
  readonly label?: string;
  readonly limit?: string;
}

function query(options: ListOptions, cursor: string | null, limit: number): string {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (options.status) parameters.set('status', options.status);
  if (options.author) parameters.set('author', options.author);
  if (options.label) parameters.set('label', options.label);
  if (cursor !== null) parameters.set('cursor', cursor);
  return `corrections?${parameters.toString()}`;
}

async function list({ api, out }: Context, options: ListOptions): Promise<undefined> {
  const page = await api.request<CorrectionsPage>(query(options, null, Number(options.limit ?? 20)));
  out.result(page, () => {
    out.table(
      ['id', 'image', 'label', 'was', 'author', 'status', 'time'],
      page.corrections.map((one) => [
        one.id,
        one.image.sha256.slice(0, 12),
        one.label,
        one.predicted?.label ?? '–',
        one.author,
        one.superseded ? `${one.status}, superseded` : one.status,
        shortTime(one.submittedAt),
      ]),
    );
  });
  return undefined;
}

async function exportAll({ api, out }: Context, options: ListOptions): Promise<undefined> {
  const all: CorrectionView[] = [];
  let cursor: string | null = null;
  do {
    const page: CorrectionsPage = await api.request<CorrectionsPage>(query(options, cursor, 100));
    all.push(...page.corrections);
    cursor = page.nextCursor;
  } while (cursor !== null);
  // One JSON document with --json, as everywhere; otherwise JSON Lines, which other tools stream.
  out.result({ corrections: all }, () => {
    for (const correction of all) out.line(JSON.stringify(correction));
  });
  return undefined;
}

async function review(
  { api, out }: Context,
  id: string,
  decision: string,
  by: string | undefined,
): Promise<undefined> {
  if (decision !== 'accept' && decision !== 'reject') {
    throw new CliError('USAGE', `The decision is accept or reject, not ${decision}.`);
  }
  const json = { decision, ...(by ? { reviewer: by } : {}) };
  const reviewed = await api.request<CorrectionView>(`corrections/${encodeURIComponent(id)}/review`, {
    method: 'POST',
    json,
  });
  out.result(reviewed, () => {
    out.line(`Correction ${id} is now ${reviewed.status}.`);
  });
  return undefined;
}

export function addCorrectionCommands(program: Command, setExit: (code: ExitCode) => void): void {
  const corrections = program.command('corrections').description('what people corrected');
  const filtered = (command: Command): Command =>
    command
      .option('--status <status>', 'accepted, disputed or rejected')
      .option('--author <name>', 'by one author')
      .option('--label <label>', 'to one class');
  run<ListOptions>(
    filtered(corrections.command('list', { isDefault: true }).description('the newest corrections')).option(
      '--limit <n>',
      'how many',
      '20',
    ),
    setExit,
    list,
  );
  run<{ by?: string }>(
    corrections
      .command('review <id> <decision>')
      .description('accept or reject a correction')
      .option('--by <name>', 'who decides'),
    setExit,
    (context, options, id = '', decision = '') => review(context, id, decision, options.by),
  );
  run<ListOptions>(
    filtered(corrections.command('export').description('all corrections as JSON Lines')),
    setExit,
    exportAll,
  );
}
