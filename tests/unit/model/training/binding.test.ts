/** What is said where TensorFlow's native library is not installed. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { ModelError } from '../../../../model/errors.js';
import { temporaryFolder } from './patterns.js';

describe('loading TensorFlow', () => {
  it('says how to get it where it is missing', async () => {
    const folder = await temporaryFolder();
    try {
      // A copy outside of the repository finds no packages.
      mkdirSync(join(folder, 'network'));
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      for (const name of ['errors.js', 'network/binding.js']) {
        cpSync(fileURLToPath(new URL(`../../../../model/${name}`, import.meta.url)), join(folder, name));
      }
      const copy = (await import(pathToFileURL(join(folder, 'network', 'binding.js')).href)) as {
        loadBinding: () => Promise<unknown>;
      };
      const error = await copy.loadBinding().then(
        () => null,
        (thrown: unknown) => thrown as ModelError,
      );
      expect(error?.code).to.equal('TENSORFLOW_MISSING');
      expect(error?.message).to.match(/Cannot find package '@tensorflow\/tfjs-node'.*npm start/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
