/** `medloop import`: send a zip or a folder of labelled images, or ask for the demo phantoms. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import yazl from 'yazl';
import type { ImportLine, ImportReportView } from '../../api/schema.js';
import type { RequestOptions } from '../client.js';
import { run, type Context } from '../context.js';
import { CliError, type ExitCode } from '../errors.js';

/** Lists of a report that are longer than this are shortened for people; `--json` has them whole. */
const SHOWN = 5;

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(path)));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

/** Packs a folder while it is sent, uncompressed: the images are compressed already. */
async function zipOf(folder: string): Promise<Readable> {
  const zip = new yazl.ZipFile();
  // A fixed time makes the same folder the same archive, whenever it is packed.
  const mtime = new Date(Date.UTC(2000, 0, 1));
  for (const path of await filesBelow(folder)) {
    zip.addFile(path, relative(folder, path).replaceAll('\\', '/'), {
      compress: false,
      mtime,
      mode: 0o100644,
    });
  }
  zip.end();
  return Readable.from(zip.outputStream as AsyncIterable<Buffer>, { objectMode: false });
}

async function requestFor(
  path: string | undefined,
  demo: boolean,
): Promise<{ query: string; options: RequestOptions }> {
  if (demo) return { query: '', options: { method: 'POST', json: { demo: true } } };
  if (path === undefined) throw new CliError('USAGE', 'Name a zip or a folder to import, or give --demo.');
  const absolute = resolve(path);
  let folder: boolean;
  try {
    folder = (await stat(absolute)).isDirectory();
  } catch (error) {
    throw new CliError('FILE_NOT_FOUND', `${path} does not exist or cannot be read.`, null, { cause: error });
  }
  const body = folder ? await zipOf(absolute) : createReadStream(absolute);
  return {
    query: `?name=${encodeURIComponent(basename(absolute))}`,
    options: { method: 'POST', stream: { body, contentType: 'application/zip' } },
  };
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

function printReport({ out }: Context, report: ImportReportView): void {
  const kind = report.synthetic ? 'synthetic demo phantoms' : 'images';
  out.line(
    report.changed
      ? `Imported ${report.added} ${kind} in ${report.seconds.toFixed(1)} s (snapshot ${report.snapshot}).`
      : `Nothing changed: all ${report.images} ${kind} were there already (snapshot ${report.snapshot}).`,
  );
  if (report.synthetic)
    out.line('These data are drawn by a program. A model trained on them knows nothing of real images.');
  out.table(
    ['class', 'in this import'],
    report.labels.map((label) => [label, String(report.perClass[label] ?? 0)]),
  );
  if (report.broken.length > 0) {
    out.line(
      `${report.broken.length} broken files were left out: ${shortened(report.broken.map((file) => file.name))}`,
    );
  }
  if (report.duplicates.length > 0)
    out.line(`${report.duplicates.length} copies of the same bytes were counted once.`);
  if (report.conflicts.length > 0) {
    out.line(
      `${report.conflicts.length} images stand under two classes and were refused: ` +
        shortened(report.conflicts.map((conflict) => conflict.names.join(' = '))),
    );
  }
  if (report.missingClasses.length > 0) out.line(`No folder for: ${report.missingClasses.join(', ')}`);
}

async function importData(context: Context, path: string | undefined, demo: boolean): Promise<undefined> {
  const { query, options } = await requestFor(path, demo);
  const bar = context.out.progress('Importing');
  let report: ImportReportView | null = null;
  try {
    for await (const line of context.api.lines<ImportLine>(`imports${query}`, options)) {
      if ('progress' in line) bar.update(line.progress.done, line.progress.total, line.progress.phase);
      else if ('problem' in line) throw new CliError('API_REFUSED', line.problem.detail, line.problem.code);
      else report = line.report;
    }
  } finally {
    bar.stop();
  }
  if (!report)
    throw new CliError(
      'ANSWER_NOT_UNDERSTOOD',
      'The import ended without a report; importing again is safe.',
    );
  const finished = report;
  context.out.result(finished, () => {
    printReport(context, finished);
  });
  return undefined;
}

export function addImportCommand(program: Command, setExit: (code: ExitCode) => void): void {
  const command = program
    .command('import [path]')
    .description('import labelled images: a zip or a folder with one folder for each class')
    .option('--demo', 'draw synthetic demo phantoms instead');
  run<{ demo?: boolean }>(command, setExit, (context, options, path) =>
    importData(context, path, options.demo === true),
  );
}
