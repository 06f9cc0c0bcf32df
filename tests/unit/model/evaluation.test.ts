/** The figures of a model on a set: against values worked out by hand, and at the edges. */
import { expect } from 'chai';
import { ModelError } from '../../../model/errors.js';
import { evaluate } from '../../../model/evaluation.js';

const LABELS = ['a', 'b', 'c'];
const rows = (...answers: number[][]) => Float32Array.from(answers.flat());

describe('An evaluation', () => {
  it('counts, as worked out by hand', () => {
    const truths = [0, 0, 0, 1, 1, 2];
    const sure = [0.8, 0.1, 0.1];
    const result = evaluate(
      LABELS,
      truths,
      rows(sure, sure, [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]),
    );
    expect(result.confusion).to.deep.equal([
      [2, 1, 0],
      [0, 1, 1],
      [0, 0, 1],
    ]);
    expect(result).to.include({ count: 6, correct: 4 });
    expect(result.accuracy).to.be.closeTo(4 / 6, 1e-12);
    expect(result.perClass[0]).to.deep.equal({
      label: 'a',
      support: 3,
      precision: 1,
      recall: 2 / 3,
      f1: 0.8,
    });
    expect(result.perClass[1]).to.deep.equal({
      label: 'b',
      support: 2,
      precision: 0.5,
      recall: 0.5,
      f1: 0.5,
    });
    expect(result.perClass[2]).to.deep.include({ label: 'c', support: 1, precision: 0.5, recall: 1 });
    expect(result.macroF1).to.be.closeTo((0.8 + 0.5 + 2 / 3) / 3, 1e-12);
    expect(result.loss).to.be.closeTo(-(4 * Math.log(0.8) + 2 * Math.log(0.1)) / 6, 1e-6);
    // All answers share one bin: mean confidence 0.8 against 4 of 6 right.
    expect(result.calibrationError).to.be.closeTo(0.8 - 4 / 6, 1e-6);
  });

  it('finds no calibration error where confidence and share of right answers agree in every bin', () => {
    const result = evaluate(['a', 'b'], [0, 0, 0, 1], rows(...Array.from({ length: 4 }, () => [0.75, 0.25])));
    expect(result.calibrationError).to.be.closeTo(0, 1e-7);
    expect(evaluate(['a', 'b'], [0, 1], rows([1, 0], [0, 1])).calibrationError).to.equal(0);
  });

  it('weighs each of the fifteen bins by its share', () => {
    // Confidence 0.6 (bin 9), wrong once; confidence 1 (last bin), right three times.
    const result = evaluate(['a', 'b'], [1, 0, 0, 0], rows([0.6, 0.4], [1, 0], [1, 0], [1, 0]));
    expect(result.calibrationError).to.be.closeTo(0.6 / 4, 1e-6);
  });

  it('gives a class that is neither there nor answered no figures, and leaves it out of the mean', () => {
    const result = evaluate(LABELS, [0, 1], rows([0.9, 0.1, 0], [0.1, 0.9, 0]));
    expect(result.perClass[2]).to.deep.equal({
      label: 'c',
      support: 0,
      precision: null,
      recall: null,
      f1: null,
    });
    expect(result.macroF1).to.equal(1);
  });

  it('counts a class that is answered but not there', () => {
    const result = evaluate(LABELS, [0, 1], rows([0, 0, 1], [0, 1, 0]));
    expect(result.perClass[2]).to.deep.equal({ label: 'c', support: 0, precision: 0, recall: null, f1: 0 });
    expect(result.perClass[0]).to.deep.equal({ label: 'a', support: 1, precision: null, recall: 0, f1: 0 });
    expect(result.macroF1).to.be.closeTo(1 / 3, 1e-12);
  });

  it('keeps the loss finite when the right class got no probability at all', () => {
    expect(evaluate(['a', 'b'], [1], rows([1, 0])).loss).to.be.closeTo(-Math.log(1e-7), 1e-9);
  });

  it('is all zeros for an empty set', () => {
    const result = evaluate(LABELS, [], new Float32Array(0));
    expect(result).to.include({
      count: 0,
      correct: 0,
      accuracy: 0,
      macroF1: 0,
      loss: 0,
      calibrationError: 0,
    });
    expect(result.perClass.map(({ recall }) => recall)).to.deep.equal([null, null, null]);
  });

  it('does not take answers that are no numbers', () => {
    for (const value of [NaN, Infinity]) {
      expect(() => evaluate(['a', 'b'], [0, 1], rows([1, 0], [value, 0])))
        .to.throw(ModelError, 'example 1')
        .with.property('code', 'MODEL_CHECK_FAILED');
    }
  });

  it('does not take sizes or classes that do not fit', () => {
    expect(() => evaluate(LABELS, [0], rows([1, 0]))).to.throw(RangeError);
    expect(() => evaluate(LABELS, [3], rows([1, 0, 0]))).to.throw(RangeError, 'class 3');
    expect(() => evaluate(LABELS, [-1], rows([1, 0, 0]))).to.throw(RangeError);
  });
});
