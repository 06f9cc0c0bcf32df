/** The picture of a confusion matrix: well-formed, complete, safe. */
import { expect } from 'chai';
import { confusionMatrixSvg } from '../../../model/confusion-picture.js';

/** Checks nesting, quoting and escaping of a picture; gives the texts in it. */
function texts(svg: string): string[] {
  const found: string[] = [];
  const open: string[] = [];
  const body = svg.replace(/^<\?xml [^?]*\?>\s*/, '');
  let end = 0;
  for (const match of body.matchAll(/<(\/?)([a-z]+)((?:\s+[A-Za-z-]+(?::[a-z]+)?="[^"<]*")*)\s*(\/?)>/g)) {
    const between = body.slice(end, match.index);
    expect(between, 'stray markup').not.to.match(/[<>]/);
    expect(between, 'stray ampersand').not.to.match(/&(?!amp;|lt;|gt;|quot;|#39;)/);
    if (open.at(-1) === 'text') found.push(between);
    const [, closing, name, , alone] = match;
    if (closing) expect(open.pop()).to.equal(name);
    else if (!alone) open.push(name!);
    end = match.index + match[0].length;
  }
  expect(open).to.deep.equal([]);
  expect(body.slice(end).trim()).to.equal('');
  return found;
}

describe('The picture of a confusion matrix', () => {
  it('is well-formed and shows every label, every count and the total', () => {
    const svg = confusionMatrixSvg(
      ['Hand', 'CXR'],
      [
        [1234, 1],
        [20, 80],
      ],
      'Challenger',
    );
    const shown = texts(svg);
    for (const text of ['Challenger', '1,314 of 1,335 right (98.43 %)', '1,234', '1', '20', '80', '80.0 %']) {
      expect(shown).to.include(text);
    }
    expect(shown.filter((text) => text === 'Hand')).to.have.length(2);
    expect(svg).to.include('Hand answered as CXR: 1<');
  });

  it('follows the dark scheme of its reader and fetches nothing', () => {
    const svg = confusionMatrixSvg(['a'], [[1]], 't');
    expect(svg).to.include('prefers-color-scheme: dark');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.to.match(/https?:|href|@import|<script/);
  });

  it('takes labels and titles with any characters', () => {
    const svg = confusionMatrixSvg(
      ['<b> & "c"', 'd\u0007'],
      [
        [1, 0],
        [0, 0],
      ],
      "<script>alert('x')</script>",
    );
    expect(texts(svg)).to.include('&lt;b&gt; &amp; &quot;c&quot;');
    expect(svg).not.to.include('<script>');
    expect(svg).not.to.include('\u0007');
  });

  it('is drawn for an empty set and for a class without images', () => {
    const svg = confusionMatrixSvg(
      ['a', 'b'],
      [
        [0, 0],
        [0, 0],
      ],
      't',
    );
    expect(texts(svg)).to.include('No images');
    expect(svg).not.to.include('NaN');
  });

  it('is not drawn for a matrix of another size', () => {
    expect(() => confusionMatrixSvg(['a', 'b'], [[1, 0]], 't')).to.throw(RangeError);
    expect(() => confusionMatrixSvg(['a', 'b'], [[1], [0]], 't')).to.throw(RangeError);
  });
});
