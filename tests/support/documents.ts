/** The parts of the documents that are made from tables in the code, so that both can be held equal. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ACTIVITY_ERRORS } from '../../activities/errors.js';
import { API_ERRORS } from '../../api/errors.js';
import { CLI_ERRORS } from '../../cli/errors.js';
import { ENVIRONMENT } from '../../config/env.js';
import { projectRoot } from '../../config/paths.js';
import { MODEL_ERRORS } from '../../model/errors.js';
import { STACK_ERRORS } from '../../stack/errors.js';
import { STORAGE_ERRORS } from '../../storage/errors.js';
import { TEMPORAL_ERRORS } from '../../temporal/errors.js';

type Row = Readonly<Record<string, unknown>>;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function errorTable(
  errors: Readonly<Record<string, Row & { meaning: string }>>,
  column?: string,
  key = '',
): string {
  const show = (value: unknown): string =>
    typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
  return table(
    ['code', ...(column === undefined ? [] : [column]), 'meaning'],
    Object.entries(errors).map(([code, entry]) => [
      `\`${code}\``,
      ...(column === undefined ? [] : [show(entry[key])]),
      entry.meaning,
    ]),
  );
}

/** Each generated block: the file that it stands in, its name there, and its text. */
export const GENERATED: readonly { file: string; name: string; text: () => string }[] = [
  {
    file: 'README.md',
    name: 'environment',
    text: () =>
      table(
        ['variable', 'default', 'what it is for'],
        Object.entries(ENVIRONMENT).map(([name, entry]) => [`\`${name}\``, entry.default, entry.meaning]),
      ),
  },
  { file: 'docs/errors.md', name: 'api', text: () => errorTable(API_ERRORS, 'HTTP status', 'status') },
  { file: 'docs/errors.md', name: 'model', text: () => errorTable(MODEL_ERRORS, 'HTTP status', 'status') },
  {
    file: 'docs/errors.md',
    name: 'storage',
    text: () => errorTable(STORAGE_ERRORS, 'tried again', 'retryable'),
  },
  {
    file: 'docs/errors.md',
    name: 'temporal',
    text: () => errorTable(TEMPORAL_ERRORS, 'HTTP status', 'status'),
  },
  {
    file: 'docs/errors.md',
    name: 'activities',
    text: () => errorTable(ACTIVITY_ERRORS, 'tried again', 'retryable'),
  },
  { file: 'docs/errors.md', name: 'stack', text: () => errorTable(STACK_ERRORS) },
  { file: 'docs/errors.md', name: 'cli', text: () => errorTable(CLI_ERRORS, 'exit code', 'exit') },
];

const opening = (name: string): string => `<!-- made by npm run docs: ${name} -->`;
const CLOSING = '<!-- end -->';

/** The block of that name as it stands in a document; null where its marks are missing. */
export function blockIn(document: string, name: string): string | null {
  const start = document.indexOf(opening(name));
  const end = document.indexOf(CLOSING, start);
  if (start < 0 || end < 0) return null;
  return document.slice(start + opening(name).length, end).trim();
}

/** Writes every generated block into its document. */
export async function writeDocuments(): Promise<void> {
  for (const { file, name, text } of GENERATED) {
    const path = join(projectRoot(), file);
    const document = await readFile(path, 'utf8');
    const start = document.indexOf(opening(name));
    const end = document.indexOf(CLOSING, start);
    if (start < 0 || end < 0) throw new Error(`${file} has no block named ${name}`);
    const before = document.slice(0, start + opening(name).length);
    await writeFile(path, `${before}\n${text()}\n${document.slice(end)}`);
  }
}
