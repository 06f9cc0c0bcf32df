/** Set-up: makes sure that every asked part is there and works, several at a time. */
import { mkdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { inheritedEnvironment, type Config } from '../../config/env.js';
import { StackError } from '../errors.js';
import { findTools, type FoundTools } from '../find.js';
import { startGuardian } from '../guardian.js';
import { chromiumPart } from './chromium.js';
import type { SetupContext } from './context.js';
import { ensurePart, type Part } from './ensure.js';
import { removeGoWork } from './go.js';
import { mlflowPart } from './mlflow.js';
import type { Report } from './progress.js';
import { temporalPart } from './temporal.js';
import { tensorflowPart } from './tensorflow.js';
import { versitygwPart } from './versitygw.js';

export type PartName = 'tensorflow' | 'temporal' | 'versitygw' | 'mlflow' | 'chromium';

/** The parts that the stack of this configuration runs itself. */
export function partsOf(config: Config): PartName[] {
  return [
    'tensorflow',
    ...(config.embedded.s3 ? (['versitygw'] as const) : []),
    ...(config.embedded.temporal ? (['temporal'] as const) : []),
    ...(config.embedded.mlflow ? (['mlflow'] as const) : []),
  ];
}

const makers: Readonly<Record<PartName, (context: SetupContext) => Part>> = {
  tensorflow: tensorflowPart,
  temporal: temporalPart,
  versitygw: versitygwPart,
  mlflow: mlflowPart,
  chromium: chromiumPart,
};

/** Parts of one lane come one after the other: the two Go builds share their cache, the two others are mostly loading. */
const LANES: readonly (readonly PartName[])[] = [
  ['versitygw', 'temporal'],
  ['tensorflow', 'mlflow', 'chromium'],
];

const GO_PARTS: ReadonlySet<PartName> = new Set(['versitygw', 'temporal']);

/**
 * Finds or installs the parts. What was finished before a failure stays and is found the next time.
 * @returns where everything is, also what was not asked for
 * @throws StackError of the first part that failed; where several did, its message names them all
 */
export async function setUp(options: {
  readonly config: Config;
  readonly parts: readonly PartName[];
  readonly report: Report;
}): Promise<FoundTools> {
  const env = installationEnvironment();
  const guardian = startGuardian();
  const context: SetupContext = {
    config: options.config,
    searchPath: env.PATH ?? '',
    tools: options.config.tools,
    env,
    guardian,
    platform: process.platform,
    arch: process.arch,
  };
  try {
    const failures = (
      await Promise.all(
        LANES.map((lane) =>
          runLane(
            lane.filter((name) => options.parts.includes(name)),
            context,
            options.report,
          ),
        ),
      )
    ).flat();
    const [first] = failures;
    if (first === undefined) return findTools(context);
    throw failures.length === 1 ? first : joined(failures, first);
  } finally {
    await guardian.dismiss();
  }
}

/** Goes on after a failure, so that one attempt tells all that is missing. */
async function runLane(
  names: readonly PartName[],
  context: SetupContext,
  report: Report,
): Promise<StackError[]> {
  const failures: StackError[] = [];
  for (const name of names) {
    try {
      await ensurePart(makers[name](context), { tools: context.tools, report });
    } catch (error) {
      failures.push(worded(error, context.tools));
    }
  }
  if (failures.length === 0 && names.some((name) => GO_PARTS.has(name))) await removeGoWork(context);
  return failures;
}

/** Variables that would send an installation elsewhere are left out. */
function installationEnvironment(): NodeJS.ProcessEnv {
  const unwanted = new Set([
    'PYTHONHOME',
    'PYTHONPATH',
    'PIP_TARGET',
    'PIP_PREFIX',
    'PIP_REQUIRE_VIRTUALENV',
  ]);
  const env = Object.fromEntries(
    Object.entries(inheritedEnvironment()).filter(([name]) => !unwanted.has(name)),
  );
  return { ...env, PIP_USER: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
}

function worded(error: unknown, tools: string): StackError {
  if (error instanceof StackError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StackError('DISK_FULL', `The disk of ${tools} is full (${freeGigabytes(tools)} GB free).`, {
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EROFS') {
    return new StackError('TOOLS_NOT_WRITABLE', `${tools} cannot be written: ${message}`, { cause: error });
  }
  return new StackError('INSTALL_FAILED', message, { cause: error });
}

function joined(failures: readonly StackError[], first: StackError): StackError {
  const lines = failures.map((failure) => `${failure.code}: ${failure.message}`);
  return new StackError(first.code, `${failures.length} parts could not be set up.\n${lines.join('\n')}`);
}

function freeGigabytes(folder: string): string {
  mkdirSync(dirname(folder), { recursive: true });
  const { bavail, bsize } = statfsSync(dirname(folder));
  return ((bavail * bsize) / 1e9).toFixed(1);
}
