/** `medloop predict` and `medloop correct`: classify images, and say what they really show. */
import type { Command } from 'commander';
import type { CorrectionReceipt, Predictions } from '../../api/schema.js';
import { run, type Context } from '../context.js';
import { EXIT, type ExitCode } from '../errors.js';
import { openImage } from '../images.js';
import { percent } from '../output.js';

/** The API takes this many files in one request. */
const FILES_PER_REQUEST = 32;

async function predict({ api, out }: Context, files: readonly string[]): Promise<ExitCode> {
  const all: Predictions['predictions'] = [];
  for (let start = 0; start < files.length; start += FILES_PER_REQUEST) {
    const form = new FormData();
    for (const path of files.slice(start, start + FILES_PER_REQUEST)) {
      const { blob, name } = await openImage(path);
      form.append('image', blob, name);
    }
    const answer = await api.request<Predictions>('predictions', { method: 'POST', form });
    all.push(...answer.predictions);
  }
  out.result({ predictions: all }, () => {
    out.table(
      ['file', 'class', 'probability', 'model'],
      all.map((item) =>
        'problem' in item
          ? [item.image.name, `${item.problem.detail} (${item.problem.code})`, '–', '–']
          : [
              item.image.name,
              item.unfamiliar ? `${item.label} (unfamiliar)` : item.label,
              percent(item.confidence),
              `${item.model.name} ${item.model.version}`,
            ],
      ),
    );
  });
  return all.some((item) => 'problem' in item) ? EXIT.failed : EXIT.done;
}

interface CorrectOptions {
  readonly author?: string;
  readonly comment?: string;
  readonly predicted?: string;
  readonly modelVersion?: string;
}

async function correct(
  { api, out }: Context,
  file: string,
  label: string,
  options: CorrectOptions,
): Promise<undefined> {
  const { blob, name } = await openImage(file);
  const form = new FormData();
  form.append('image', blob, name);
  form.append('label', label);
  if (options.author) form.append('author', options.author);
  if (options.comment) form.append('comment', options.comment);
  if (options.predicted) form.append('predictedLabel', options.predicted);
  if (options.modelVersion) form.append('modelVersion', options.modelVersion);
  const receipt = await api.request<CorrectionReceipt>('corrections', { method: 'POST', form });
  out.result(receipt, () => {
    out.line(`Saved: ${name} shows ${receipt.label} (correction ${receipt.id}, ${receipt.status}).`);
  });
  return undefined;
}

export function addPredictCommands(program: Command, setExit: (code: ExitCode) => void): void {
  const predictCommand = program
    .command('predict <files...>')
    .description('classify images with the model in service');
  run(predictCommand, setExit, (context, _options, ...args) => predict(context, args.flat()));

  const correctCommand = program
    .command('correct <file> <label>')
    .description('say which class an image really shows (`none`: none of the classes)')
    .option('--author <name>', 'who says so')
    .option('--comment <text>', 'why')
    .option('--predicted <label>', 'the answer that is corrected')
    .option('--model-version <version>', 'the version that gave it');
  run<CorrectOptions>(correctCommand, setExit, (context, options, file = '', label = '') =>
    correct(context, file, label, options),
  );
}
