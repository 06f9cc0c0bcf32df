/** Digests, splits and class lists. */
import { expect } from 'chai';
import { ModelError } from '../../../model/errors.js';
import {
  EXAM_SHARE,
  assertSameLabels,
  checkLabels,
  isExam,
  parseSha256,
  sha256Of,
  splitOf,
} from '../../../model/labels.js';

const DIGESTS = Array.from({ length: 20_000 }, (_, index) => sha256Of(`image ${index}`));

function share(of: readonly string[], test: (value: never) => boolean): number {
  return of.filter((value) => test(value as never)).length / of.length;
}

describe('A digest', () => {
  it('is the SHA-256 of the bytes (FIPS 180-2, appendix B.1)', () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256Of(Buffer.from('abc'))).to.equal(abc);
    expect(parseSha256(abc)).to.equal(abc);
  });

  it('is not taken from a text that is none', () => {
    for (const text of ['', 'a'.repeat(63), 'A'.repeat(64), `${'a'.repeat(64)}\n`, 'g'.repeat(64)]) {
      expect(() => parseSha256(text), JSON.stringify(text)).to.throw(RangeError);
    }
  });
});

describe('The split of an image', () => {
  it('comes from the digest alone, at fixed bounds', () => {
    const of = (start: string): string => splitOf(parseSha256(start.padEnd(64, '0')));
    expect([of('00000000'), of('cccccccc')]).to.deep.equal(['train', 'train']);
    expect([of('cccccccd'), of('e6666666')]).to.deep.equal(['validation', 'validation']);
    expect([of('e6666667'), of('ffffffff')]).to.deep.equal(['golden', 'golden']);
  });

  it('gives 80, 10 and 10 in a hundred', () => {
    for (const [split, expected] of [
      ['train', 0.8],
      ['validation', 0.1],
      ['golden', 0.1],
    ] as const) {
      expect(share(DIGESTS, (digest) => splitOf(digest) === split)).to.be.closeTo(expected, 0.01);
    }
  });

  it('says nothing about the exam: a fifth of each split is exam', () => {
    for (const split of ['train', 'validation', 'golden']) {
      const within = DIGESTS.filter((digest) => splitOf(digest) === split);
      expect(share(within, isExam), split).to.be.closeTo(EXAM_SHARE, 0.03);
    }
  });
});

describe('Class lists', () => {
  it('are the same only with the same names in the same order', () => {
    expect(() => {
      assertSameLabels(['a', 'b'], ['a', 'b']);
    }).not.to.throw();
    for (const other of [['b', 'a'], ['a'], ['a', 'b', 'c'], [], ['a', 'B']]) {
      expect(() => {
        assertSameLabels(other, ['a', 'b']);
      })
        .to.throw(ModelError, 'a, b')
        .with.property('code', 'MODEL_LABELS_DIFFER');
    }
  });

  it('are checked when they come from outside', () => {
    expect(checkLabels(['b', 'a'])).to.deep.equal({ labels: ['b', 'a'] });
    for (const value of [null, 'a,b', [], ['a'], ['a', 1], ['a', ''], ['a', 'b', 'a'], { 0: 'a', 1: 'b' }]) {
      expect(checkLabels(value), JSON.stringify(value)).to.have.property('problem');
    }
  });
});
