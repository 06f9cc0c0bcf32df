/** Local files appear whole or not at all, and nothing temporary stays behind. */
import { link, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { replaceFile } from '../../../storage/local-files.js';

describe('replaceFile', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-files-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('leaves the old content and no temporary file when writing fails half way', async () => {
    const path = join(folder, 'a');
    await writeFile(path, 'old');
    const failed = await replaceFile(path, async (temporary) => {
      await writeFile(temporary, 'half');
      throw new Error('stop');
    }).catch((error: unknown) => (error as Error).message);
    expect(failed).to.equal('stop');
    expect(await readFile(path, 'utf8')).to.equal('old');
    expect(await readdir(folder)).to.deep.equal(['a']);
  });

  it('leaves no temporary name when the place already holds another link to the same file', async () => {
    const cached = join(folder, 'cached');
    await writeFile(cached, 'part');
    for (let round = 0; round < 2; round += 1)
      await replaceFile(join(folder, 'b'), (temporary) => link(cached, temporary));
    expect((await readdir(folder)).sort()).to.deep.equal(['b', 'cached']);
  });
});
