/** Where the real images are, if they lie beside the repository; they are never part of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../config/paths.js';

/** 600 images, 100 a class; null where absent. */
export function sampleZipPath(): string | null {
  return besideRepo('medical-mnist-sample.zip');
}

/** The whole data set; null where absent. */
export function fullZipPath(): string | null {
  return besideRepo('medical-mnist.zip');
}

function besideRepo(name: string): string | null {
  const path = join(projectRoot(), '..', 'shared', 'data', name);
  return existsSync(path) ? path : null;
}
