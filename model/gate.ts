/** Decides whether a challenger may replace the champion, and says why. Pure: the policy is data. */
import type { Evaluation, EvaluationReport, GatePolicy, GateReason, GateVerdict } from './types.js';

export const DEFAULT_GATE_POLICY: GatePolicy = {
  firstVersionFloor: 0.9,
  goldenTolerance: 0,
  classRecallTolerance: 0.01,
  onnxTolerance: 1e-4,
};

/** Every code that a reason can have. The last two only inform and never refuse. */
export const GATE_REASONS = {
  FIGURES_COMPLETE:
    'All figures are numbers and both models were measured on the same, non-empty golden set.',
  ONNX_AGREES: 'The exported file answers like the trained network.',
  FIRST_VERSION_FLOOR: 'A first version, with no champion to beat, reaches the accuracy that is asked for.',
  GOLDEN_ACCURACY: 'The accuracy on the golden set is not lower than the champion has.',
  CLASS_RECALL: 'No class is recognised markedly worse than by the champion.',
  EXAM_RESULT: 'How both models do on corrections that neither has seen.',
  CORRECTIONS_RESULT: 'How both models do on the corrections that were trained.',
} as const;

export type GateReasonCode = keyof typeof GATE_REASONS;

/** Room for rounding in differences of fractions; far below one image in any golden set. */
const EPSILON = 1e-9;

/** @returns promote only when every reason passed; the reasons stand in the order of `GATE_REASONS` */
export function judge(report: EvaluationReport, policy: GatePolicy): GateVerdict {
  const unusable = figuresComplete(report);
  if (unusable) return { promote: false, reasons: [unusable, onnxAgrees(report, policy)] };
  const { challenger, champion } = report.golden;
  const reasons = [
    onnxAgrees(report, policy),
    ...(champion
      ? [goldenAccuracy(challenger, champion, policy), ...classRecall(challenger, champion, policy)]
      : [firstVersionFloor(challenger, policy)]),
    ...information('EXAM_RESULT', 'corrections kept back as an exam', report.exam),
    ...information('CORRECTIONS_RESULT', 'corrections that were trained', report.corrections),
  ];
  return { promote: reasons.every(({ passed }) => passed), reasons };
}

function reason(code: GateReasonCode, passed: boolean, text: string): GateReason {
  return { code, passed, text };
}

/** Null when the figures can be judged. */
function figuresComplete({ golden, labels }: EvaluationReport): GateReason | null {
  const { challenger, champion } = golden;
  const refuse = (text: string): GateReason => reason('FIGURES_COMPLETE', false, text);
  if (!(challenger.count > 0)) return refuse('There is no golden image to measure the challenger on.');
  for (const [who, evaluation] of [
    ['challenger', challenger],
    ['champion', champion],
  ] as const) {
    if (!evaluation) continue;
    if (!isComplete(evaluation)) return refuse(`A figure of the ${who} on the golden set is not a number.`);
    const names = evaluation.perClass.map(({ label }) => label);
    if (names.join('\n') !== labels.join('\n')) {
      return refuse(`The ${who} was measured on other classes than the data set has.`);
    }
  }
  if (champion && champion.count !== challenger.count) {
    return refuse(
      `The challenger was measured on ${whole(challenger.count)} golden images and the champion on ` +
        `${whole(champion.count)}, so they cannot be compared.`,
    );
  }
  return null;
}

function isComplete(evaluation: Evaluation): boolean {
  const { count, correct, accuracy, macroF1, loss, calibrationError, confusion } = evaluation;
  return [count, correct, accuracy, macroF1, loss, calibrationError, ...confusion.flat()].every(
    Number.isFinite,
  );
}

function onnxAgrees({ onnxDifference }: EvaluationReport, { onnxTolerance }: GatePolicy): GateReason {
  // Not `>`, so that a NaN refuses.
  const passed = onnxDifference <= onnxTolerance;
  return reason(
    'ONNX_AGREES',
    passed,
    `The exported file differs from the trained network by at most ${small(onnxDifference)} in any probability; ` +
      `${small(onnxTolerance)} is allowed.`,
  );
}

function firstVersionFloor(challenger: Evaluation, { firstVersionFloor: floor }: GatePolicy): GateReason {
  return reason(
    'FIRST_VERSION_FLOOR',
    challenger.accuracy >= floor - EPSILON,
    `The first version is right on ${score(challenger)} of the golden set; ${percent(floor)} is asked for.`,
  );
}

function goldenAccuracy(challenger: Evaluation, champion: Evaluation, policy: GatePolicy): GateReason {
  const difference = challenger.accuracy - champion.accuracy;
  const passed = difference >= -policy.goldenTolerance - EPSILON;
  const allowed =
    policy.goldenTolerance > 0 ? `; a loss of ${points(policy.goldenTolerance)} is allowed` : '';
  const relation =
    Math.abs(difference) <= EPSILON
      ? 'as good as'
      : `${points(Math.abs(difference))} ${difference > 0 ? 'better' : 'worse'} than`;
  return reason(
    'GOLDEN_ACCURACY',
    passed,
    `On the golden set the challenger is right on ${score(challenger)}, ${relation} the champion with ` +
      `${score(champion)}${allowed}.`,
  );
}

/** One failed reason for each class that fell too far, or one passed reason for all. */
function classRecall(challenger: Evaluation, champion: Evaluation, policy: GatePolicy): GateReason[] {
  const fallen: GateReason[] = [];
  const unmeasured: string[] = [];
  let compared = 0;
  for (const [index, after] of challenger.perClass.entries()) {
    const before = champion.perClass[index];
    if (after.recall === null || before === undefined || before.recall === null) {
      unmeasured.push(after.label);
      continue;
    }
    compared += 1;
    const fall = before.recall - after.recall;
    if (fall <= policy.classRecallTolerance + EPSILON) continue;
    fallen.push(
      reason(
        'CLASS_RECALL',
        false,
        `${after.label} fell by ${points(fall)}: the challenger recognises ${percent(after.recall)} of its ` +
          `${whole(after.support)} golden images, the champion ${percent(before.recall)}; ` +
          `a loss of ${points(policy.classRecallTolerance)} is allowed.`,
      ),
    );
  }
  if (fallen.length > 0) return fallen;
  const left =
    unmeasured.length > 0 ? ` Without golden images and not compared: ${unmeasured.join(', ')}.` : '';
  return [
    reason(
      'CLASS_RECALL',
      true,
      `None of the ${compared} compared classes lost more than ${points(policy.classRecallTolerance)}.${left}`,
    ),
  ];
}

function information(
  code: 'EXAM_RESULT' | 'CORRECTIONS_RESULT',
  what: string,
  measured: EvaluationReport['exam'],
): GateReason[] {
  if (!measured || measured.challenger.count === 0) return [];
  const { challenger, champion } = measured;
  const rival = champion ? `, the champion on ${score(champion)}` : '';
  return [
    reason(
      code,
      true,
      `Of the ${whole(challenger.count)} ${what}, the challenger is right on ${score(challenger)}${rival}.`,
    ),
  ];
}

const FIGURES = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat('en-US');

function whole(value: number): string {
  return WHOLE.format(value);
}

function percent(fraction: number): string {
  return `${FIGURES.format(fraction * 100)} %`;
}

function points(fraction: number): string {
  return `${FIGURES.format(fraction * 100)} points`;
}

function score({ accuracy, correct, count }: Evaluation): string {
  return `${percent(accuracy)} (${whole(correct)} of ${whole(count)})`;
}

function small(value: number): string {
  return Number.isFinite(value) ? value.toExponential(1) : 'an unknown amount';
}
