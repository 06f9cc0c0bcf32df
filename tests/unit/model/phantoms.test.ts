/** The demo data: the same from the same seed, all different, told apart by class, decoded as they were drawn. */
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import { drawPhantom, PHANTOM_LABELS, phantomSet, type PhantomFile } from '../../../model/phantoms.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { IMAGE_PIXELS } from '../../../model/types.js';

async function all(perClass: number, seed: number): Promise<PhantomFile[]> {
  const files: PhantomFile[] = [];
  for await (const file of phantomSet(perClass, seed)) files.push(file);
  return files;
}

describe('A phantom', () => {
  it('has the pixels of one model input, dark and bright ones among them', () => {
    for (const label of PHANTOM_LABELS) {
      for (let seed = 0; seed < 20; seed += 1) {
        const pixels = drawPhantom(label, seed);
        expect(pixels).to.have.length(IMAGE_PIXELS);
        expect(Math.max(...pixels) - Math.min(...pixels), `${label} ${seed}`).to.be.above(60);
      }
    }
  });

  it('is the same for the same seed and another for another seed or class', () => {
    for (const label of PHANTOM_LABELS) expect(drawPhantom(label, 7)).to.deep.equal(drawPhantom(label, 7));
    const drawn = PHANTOM_LABELS.flatMap((label) =>
      Array.from({ length: 40 }, (_, seed) => sha256Of(drawPhantom(label, seed))),
    );
    expect(new Set(drawn).size).to.equal(drawn.length);
  });

  it('looks like its class: the nearest class mean of other phantoms is mostly its own', () => {
    // The crudest classifier there is: far from chance, and far from perfect, or the demo would teach nothing.
    const means = PHANTOM_LABELS.map((label) => {
      const sum = new Float64Array(IMAGE_PIXELS);
      for (let seed = 0; seed < 40; seed += 1) {
        drawPhantom(label, seed).forEach((value, index) => (sum[index]! += value / 40));
      }
      return sum;
    });
    let hits = 0;
    for (const [truth, label] of PHANTOM_LABELS.entries()) {
      for (let seed = 100; seed < 130; seed += 1) {
        const pixels = drawPhantom(label, seed);
        const distances = means.map((mean) =>
          mean.reduce((total, value, index) => total + (value - pixels[index]!) ** 2, 0),
        );
        if (distances.indexOf(Math.min(...distances)) === truth) hits += 1;
      }
    }
    expect(hits / (PHANTOM_LABELS.length * 30)).to.be.within(0.6, 0.99);
  });
});

describe('The set of phantoms', () => {
  it('has the classes of the base data in their order, as many of each, and says what it is in every name', async () => {
    const files = await all(3, 5);
    const order = ['AbdomenCT', 'BreastMRI', 'CXR', 'ChestCT', 'Hand', 'HeadCT'];
    expect(PHANTOM_LABELS).to.deep.equal(order);
    expect(files.map(({ label }) => label)).to.deep.equal(order.flatMap((label) => [label, label, label]));
    for (const { name, label } of files) expect(name).to.match(new RegExp(`^${label}/phantom-.*\\.png$`));
    expect(new Set(files.map(({ name }) => name)).size).to.equal(files.length);
  });

  it('is the same from the same seed, byte for byte, and another from another', async () => {
    const [one, same, other] = [await all(2, 5), await all(2, 5), await all(2, 6)];
    const digests = (files: PhantomFile[]) => files.map(({ png }) => sha256Of(png));
    expect(digests(one)).to.deep.equal(digests(same));
    expect(new Set([...digests(one), ...digests(other)]).size).to.equal(24);
  });

  it('holds files that decode to exactly what was drawn', async () => {
    const { toModelInput } = createPreprocessor({ maxBytes: 1e6, maxPixels: 1e6 });
    for (const { label, png } of await all(1, 0)) {
      expect(await toModelInput(png)).to.deep.equal({ pixels: drawPhantom(label, 0), width: 64, height: 64 });
    }
  });
});
