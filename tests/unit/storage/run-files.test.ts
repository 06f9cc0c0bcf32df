/** A run's working files on a real S3 server: only whole checkpoints, and no word from an attempt that is over. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import { createRunFiles } from '../../../storage/run-files.js';
import type { RunFiles } from '../../../storage/types.js';
import { codeOf, cutOff, keysBelow, newBucket, withFolder } from './support.js';

describe('run files', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;
  let files: RunFiles;
  let run: string;
  let runs = 0;

  before(async () => {
    objects = await newBucket();
    files = createRunFiles({ objects });
  });
  after(() => {
    objects.close();
  });
  beforeEach(() => {
    runs += 1;
    run = `run-${runs}`;
  });

  /** A folder with a nested file, as a checkpoint and a model have. */
  async function filled(folder: string, content: string): Promise<string> {
    const path = join(folder, `made-${content}`);
    await mkdir(join(path, 'tfjs'), { recursive: true });
    await writeFile(join(path, 'state.json'), JSON.stringify({ content }));
    await writeFile(join(path, 'tfjs', 'weights.bin'), Buffer.alloc(10_000, content));
    return path;
  }

  it('give back a checkpoint as it was saved', async () => {
    await withFolder(async (folder) => {
      expect(await files.latestCheckpoint(run)).to.equal(null);
      const made = await filled(folder, 'a');
      const ref = await files.saveCheckpoint(run, 1, 30, made);
      expect(await files.latestCheckpoint(run)).to.deep.equal(ref);
      await files.fetchCheckpoint(ref, join(folder, 'fetched'));
      for (const name of ['state.json', 'tfjs/weights.bin']) {
        const [sent, got] = await Promise.all([
          readFile(join(made, name)),
          readFile(join(folder, 'fetched', name)),
        ]);
        expect(got.equals(sent)).to.equal(true);
      }
    });
  });

  it('keep the two latest checkpoints, and none once they are dropped', async () => {
    await withFolder(async (folder) => {
      const made = await filled(folder, 'a');
      for (const step of [10, 20, 30]) await files.saveCheckpoint(run, 1, step, made);
      await files.saveModel(run, made);
      const steps = new Set(
        (await keysBelow(objects, `runs/${run}/checkpoints/`)).map((key) => key.split('/')[3]),
      );
      expect([...steps]).to.deep.equal(['000001-0000000020', '000001-0000000030']);
      await files.saveDocument(run, 'evaluation', { accuracy: 1 });
      await files.dropCheckpoints(run);
      expect(await files.latestCheckpoint(run)).to.equal(null);
      const left = await keysBelow(objects, `runs/${run}/`);
      expect(left.every((key) => key.includes('/model/') || key.includes('/documents/'))).to.equal(true);
      expect(left).to.have.length(4);
    });
  });

  it('take nothing from an earlier attempt once a later one has saved', async () => {
    await withFolder(async (folder) => {
      const made = await filled(folder, 'a');
      await files.saveCheckpoint(run, 1, 50, made);
      const later = await files.saveCheckpoint(run, 2, 40, made);
      expect(await codeOf(files.saveCheckpoint(run, 1, 60, made))).to.equal('ATTEMPT_OVERTAKEN');
      expect(await files.latestCheckpoint(run)).to.deep.equal(later);
      // The same or an earlier step of the same attempt, told again, changes nothing.
      await files.saveCheckpoint(run, 2, 40, made);
      await files.saveCheckpoint(run, 2, 30, made);
      expect(await files.latestCheckpoint(run)).to.deep.equal(later);
    });
  });

  it('end at the furthest checkpoint when several are saved at once', async () => {
    await withFolder(async (folder) => {
      const made = await filled(folder, 'a');
      await Promise.all([3, 1, 5, 2, 4].map((step) => files.saveCheckpoint(run, 1, step, made)));
      const latest = await files.latestCheckpoint(run);
      expect(latest?.step).to.equal(5);
      await files.fetchCheckpoint(latest!, join(folder, 'fetched'));
    });
  });

  it('show only whole checkpoints wherever saving is cut off', async () => {
    await withFolder(async (folder) => {
      const made = await filled(folder, 'a');
      const first = await files.saveCheckpoint(run, 1, 10, made);
      let finished = false;
      for (let writes = 0; !finished; writes += 1) {
        const cut = createRunFiles({ objects: cutOff(objects, writes, false) });
        finished = (await codeOf(cut.saveCheckpoint(run, 1, 20, made))) === 'no error';
        const latest = await files.latestCheckpoint(run);
        expect(latest?.step).to.equal(finished ? 20 : first.step);
        await files.fetchCheckpoint(latest!, join(folder, `fetched-${writes}`));
        expect(writes).to.be.lessThan(10);
      }
    });
  });

  it('save a model once, under the digest of its files', async () => {
    await withFolder(async (folder) => {
      const made = await filled(folder, 'a');
      const ref = await files.saveModel(run, made);
      const before = await keysBelow(objects, `runs/${run}/`);
      expect(await files.saveModel(run, made)).to.deep.equal(ref);
      expect(await keysBelow(objects, `runs/${run}/`)).to.deep.equal(before);
      expect((await files.saveModel(run, await filled(folder, 'b'))).digest).not.to.equal(ref.digest);
      await files.fetchModel(ref, join(folder, 'fetched'));
      expect(await readFile(join(folder, 'fetched', 'state.json'), 'utf8')).to.equal('{"content":"a"}');
      const missing = { ...ref, digest: ref.digest.replace(/./g, '0') as typeof ref.digest };
      expect(await codeOf(files.fetchModel(missing, join(folder, 'none')))).to.equal('OBJECT_MISSING');
      const weights = before.find((key) => key.endsWith('weights.bin'));
      await objects.put(weights!, 'damaged');
      expect(await codeOf(files.fetchModel(ref, join(folder, 'damaged')))).to.equal('OBJECT_CORRUPT');
    });
  });

  it('keep documents by name, and refuse names that are no file names', async () => {
    await files.saveDocument(run, 'evaluation', { accuracy: 0.5 });
    await files.saveDocument(run, 'evaluation', { accuracy: 0.75 });
    expect(await files.readDocument(run, 'evaluation')).to.deep.equal({ accuracy: 0.75 });
    expect(await codeOf(files.readDocument(run, 'absent'))).to.equal('OBJECT_MISSING');
    for (const name of ['../x', 'a/b', '', '.hidden']) {
      let failed = '';
      await files.saveDocument(run, name, {}).catch((error: unknown) => {
        failed = String(error);
      });
      expect(failed, name).to.include('RangeError');
    }
  });
});
