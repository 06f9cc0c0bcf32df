/** Measures a model's answers on a set of examples. Pure: numbers in, numbers out. */
import { ModelError } from './errors.js';
import type { Evaluation, Labels } from './types.js';

const CALIBRATION_BINS = 15;

/** Smallest probability that the loss looks at, the resolution of a `float32`: one miss must not make it infinite. */
const SMALLEST_PROBABILITY = 1e-7;

/**
 * @param truths index into `labels` for each example
 * @param probabilities examples × labels, row by row
 * @returns all figures 0 for an empty set; a class's precision, recall or F1 is null where it divides by nothing
 * @throws RangeError when the sizes do not fit together; ModelError `MODEL_CHECK_FAILED` when an answer is no number
 */
export function evaluate(labels: Labels, truths: ArrayLike<number>, probabilities: Float32Array): Evaluation {
  const classes = labels.length;
  const count = truths.length;
  if (probabilities.length !== count * classes) {
    throw new RangeError(
      `${count} examples of ${classes} classes do not have ${probabilities.length} answers.`,
    );
  }
  const confusion = labels.map(() => labels.map(() => 0));
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ count: 0, correct: 0, confidence: 0 }));
  let correct = 0;
  let loss = 0;
  for (let row = 0; row < count; row += 1) {
    const truth = truths[row] ?? -1;
    const counts = confusion[truth];
    if (!counts) throw new RangeError(`Example ${row} has the class ${truth} of ${classes}.`);
    const answer = probabilities.subarray(row * classes, (row + 1) * classes);
    const { predicted, confidence } = largest(answer, row);
    counts[predicted] = (counts[predicted] ?? 0) + 1;
    const hit = predicted === truth ? 1 : 0;
    correct += hit;
    loss -= Math.log(Math.max(answer[truth] ?? 0, SMALLEST_PROBABILITY));
    const bin = bins[Math.min(CALIBRATION_BINS - 1, Math.floor(confidence * CALIBRATION_BINS))];
    if (bin) {
      bin.count += 1;
      bin.correct += hit;
      bin.confidence += confidence;
    }
  }
  const perClass = labels.map((label, index) => classFigures(label, index, confusion));
  const scores = perClass.flatMap(({ f1 }) => (f1 === null ? [] : [f1]));
  // Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: each bin's gap, weighted by its share.
  const gap = bins.reduce((sum, bin) => sum + Math.abs(bin.correct - bin.confidence), 0);
  return {
    count,
    correct,
    accuracy: count === 0 ? 0 : correct / count,
    macroF1: scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length,
    loss: count === 0 ? 0 : loss / count,
    calibrationError: count === 0 ? 0 : gap / count,
    confusion,
    perClass,
  };
}

function largest(answer: Float32Array, row: number): { predicted: number; confidence: number } {
  let predicted = 0;
  let confidence = -Infinity;
  answer.forEach((value, index) => {
    if (!Number.isFinite(value)) {
      throw new ModelError('MODEL_CHECK_FAILED', `The model's answer to example ${row} is not a number.`);
    }
    if (value > confidence) [predicted, confidence] = [index, value];
  });
  return { predicted, confidence };
}

/** A class that is neither there nor answered has no F1 and does not count in the mean, as in scikit-learn. */
function classFigures(
  label: string,
  index: number,
  confusion: readonly (readonly number[])[],
): Evaluation['perClass'][number] {
  const hits = confusion[index]?.[index] ?? 0;
  const support = confusion[index]?.reduce((sum, value) => sum + value, 0) ?? 0;
  const answered = confusion.reduce((sum, row) => sum + (row[index] ?? 0), 0);
  return {
    label,
    support,
    precision: answered === 0 ? null : hits / answered,
    recall: support === 0 ? null : hits / support,
    f1: support + answered === 0 ? null : (2 * hits) / (support + answered),
  };
}
