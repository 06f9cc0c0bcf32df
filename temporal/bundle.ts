/** The workflow code as one bundle, made once for each state of the code and kept on disk, so that workers start fast. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger as SdkLogger } from '@temporalio/worker';

const workflowsPath = fileURLToPath(new URL('../workflows/index.js', import.meta.url));

export interface WorkflowBundle {
  readonly code: string;
  /** False when it was made just now. */
  readonly cached: boolean;
}

/** Takes the bundle from `cacheFolder` or makes it and leaves it there. */
export async function workflowBundle(cacheFolder: string, logger: SdkLogger): Promise<WorkflowBundle> {
  const name = `workflows-${await fingerprint()}.js`;
  const path = join(cacheFolder, name);
  try {
    return { code: await readFile(path, 'utf8'), cached: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  await mkdir(cacheFolder, { recursive: true });
  // Renamed when complete: a worker that starts beside this one, or after a power cut, never reads half of it.
  const unfinished = `${path}.${process.pid}.tmp`;
  await writeFile(unfinished, code);
  await rename(unfinished, path);
  for (const other of await readdir(cacheFolder)) {
    if (/^workflows-[0-9a-f]+\.js$/.test(other) && other !== name) {
      await rm(join(cacheFolder, other), { force: true });
    }
  }
  return { code, cached: false };
}

/** Over everything that goes into the bundle: our code and the versions of the SDK that packs and runs it. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const folder = dirname(workflowsPath);
  const require = createRequire(import.meta.url);
  for (const entry of (await readdir(folder)).filter((file) => file.endsWith('.js')).sort()) {
    hash.update(`${entry}\n`).update(await readFile(join(folder, entry)));
  }
  for (const name of ['@temporalio/worker', '@temporalio/workflow', '@temporalio/common']) {
    const { version } = require(`${name}/package.json`) as { version: string };
    hash.update(`${name}@${version}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}
