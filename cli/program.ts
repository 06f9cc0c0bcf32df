/** The `medloop` command: every subcommand, its errors and its exit codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/env.js';
import { projectRoot } from '../config/paths.js';
import { addCorrectionCommands } from './commands/corrections.js';
import { addImportCommand } from './commands/import.js';
import { addModelCommands } from './commands/models.js';
import { addPredictCommands } from './commands/predict.js';
import { addRunCommands } from './commands/runs.js';
import { addStackCommands } from './commands/stack.js';
import { CliError, EXIT, type ExitCode } from './errors.js';

function version(): string {
  const manifest = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function build(setExit: (code: ExitCode) => void): Command {
  const program = new Command('medloop')
    .description('An image classifier that learns from the people who use it.')
    .version(version())
    .showHelpAfterError('(medloop --help lists the commands)')
    .exitOverride();
  addStackCommands(program, setExit);
  addImportCommand(program, setExit);
  addPredictCommands(program, setExit);
  addRunCommands(program, setExit);
  addModelCommands(program, setExit);
  addCorrectionCommands(program, setExit);
  for (const command of [...program.commands, ...program.commands.flatMap((one) => one.commands)])
    command.exitOverride();
  return program;
}

function report(error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has printed its message already; asking for help is no mistake.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  const known = error instanceof CliError;
  const code = known
    ? (error.problemCode ?? error.code)
    : error instanceof ConfigError
      ? error.code
      : 'UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message } }, null, 2)}\n`);
  process.stderr.write(`medloop: ${message} [${code}]\n`);
  if (known) return error.exit;
  return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
}

/**
 * Runs one command line.
 * @param args what stands after `medloop`
 * @returns the exit code of the contract: 0 done, 1 failed, 2 wrong use, 3 refused, 4 nothing new, 5 not reachable
 */
export async function main(args: readonly string[]): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const program = build((code) => {
    exit = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    exit = report(error, args.includes('--json'));
  }
  return exit;
}
