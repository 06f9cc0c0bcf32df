/** The update rule, the learning rate and the random numbers. */
import { expect } from 'chai';
import { initialState, layoutFor } from '../../../../model/network/architecture.js';
import { adamStep, decayingSpans, oneCycleRate } from '../../../../model/training/optimizer.js';
import { Random } from '../../../../model/training/random.js';
import { ADAM } from '../../../../model/training/settings.js';
import { setTrainerEnvironment } from './patterns.js';

describe('the update', function () {
  this.timeout(60_000);

  it("without decay is TensorFlow.js's own Adam", async () => {
    setTrainerEnvironment();
    const tf = await import('@tensorflow/tfjs-node');
    const random = new Random(1);
    const start = Float32Array.from({ length: 50 }, () => random.normal());
    const ours = start.slice();
    const moments = { first: new Float32Array(50), second: new Float32Array(50) };
    const theirs = tf.variable(tf.tensor1d(start), true, 'weights');
    const adam = tf.train.adam(0.01, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
    for (let step = 1; step <= 20; step++) {
      const gradient = Float32Array.from({ length: 50 }, () => random.normal());
      adamStep(ours, gradient, moments, [], 0.01, step);
      adam.applyGradients([{ name: 'weights', tensor: tf.tensor1d(gradient) }]);
    }
    const wanted = theirs.dataSync();
    ours.forEach((value, index) => {
      expect(value).to.be.closeTo(wanted[index]!, 1e-5);
    });
    tf.disposeVariables();
  });

  it('decays the weights and neither the biases nor the scales', () => {
    const layout = layoutFor(3);
    const parameters = new Float32Array(layout.parameters).fill(1);
    const zero = new Float32Array(layout.parameters);
    const moments = { first: zero.slice(), second: zero.slice() };
    adamStep(parameters, zero, moments, decayingSpans(layout), 0.01, 1);
    const conv = layout.convs[1]!;
    expect(parameters[conv.weights.start]).to.be.closeTo(1 - 0.01 * ADAM.decay, 1e-6);
    expect(parameters[conv.gamma.start]).to.equal(1);
    expect(parameters[layout.dense.bias.start]).to.equal(1);
    expect(parameters[layout.dense.weights.start]).to.be.lessThan(1);
  });
});

describe('the one-cycle rate', () => {
  const rates = Array.from({ length: 100 }, (_, step) => oneCycleRate(0.01, step, 100));

  it('rises from a 25th to the peak in the first 30 %, then falls to nearly nothing', () => {
    expect(rates[0]).to.be.closeTo(0.0004, 1e-9);
    expect(rates.indexOf(Math.max(...rates))).to.equal(30);
    expect(rates[30]).to.be.closeTo(0.01, 1e-9);
    expect(rates[99]).to.be.closeTo(1e-6, 1e-9);
    for (let step = 31; step < 100; step++) expect(rates[step]).to.be.lessThan(rates[step - 1]!);
  });

  it('is finite in trainings of one, two and three steps', () => {
    for (const total of [1, 2, 3]) {
      for (let step = 0; step < total; step++) {
        expect(oneCycleRate(0.01, step, total)).to.be.within(0, 0.01);
      }
    }
  });
});

describe('random numbers', () => {
  it('are the same for the same seeds and others for others, in any place', () => {
    const first = (...seeds: number[]): number => new Random(...seeds).bits();
    expect(first(1, 2, 3)).to.equal(first(1, 2, 3));
    const several = [
      first(1, 2, 3),
      first(1, 2, 4),
      first(2, 2, 3),
      first(1, 3, 2),
      first(1),
      first(2 ** 40 + 1),
    ];
    expect(new Set(several).size).to.equal(several.length);
  });

  it('are spread evenly, and the normal ones have mean 0 and deviation 1', () => {
    const random = new Random(9);
    const bins = new Array<number>(10).fill(0);
    let sum = 0;
    let squares = 0;
    for (let index = 0; index < 20_000; index++) {
      bins[random.below(10)]!++;
      const value = random.normal();
      sum += value;
      squares += value * value;
    }
    for (const bin of bins) expect(bin).to.be.within(1800, 2200);
    expect(sum / 20_000).to.be.closeTo(0, 0.03);
    expect(squares / 20_000).to.be.closeTo(1, 0.05);
  });

  it('start the network at values that keep the size of the signal', () => {
    const layout = layoutFor(4);
    const { parameters, statistics } = initialState(layout, new Random(1));
    const conv = layout.convs[3]!;
    const weights = parameters.slice(conv.weights.start, conv.weights.end);
    const variance = weights.reduce((total, value) => total + value * value, 0) / weights.length;
    expect(variance * 9 * 64).to.be.closeTo(2, 0.1);
    expect(statistics[conv.variance.start]).to.equal(1);
    expect(statistics[conv.mean.start]).to.equal(0);
  });
});
