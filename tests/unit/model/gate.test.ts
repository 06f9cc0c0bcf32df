/** The gate: who may replace whom, and that each reason says so with figures. */
import { expect } from 'chai';
import { evaluate } from '../../../model/evaluation.js';
import { DEFAULT_GATE_POLICY, GATE_REASONS, judge } from '../../../model/gate.js';
import type { Evaluation, EvaluationReport, GateVerdict } from '../../../model/types.js';

const LABELS = ['CXR', 'Hand', 'HeadCT'];

/** A model that recognises `hits[i]` of `supports[i]` images of class i; its misses fall on the next class. */
function measured(supports: number[], hits: number[]): Evaluation {
  const truths: number[] = [];
  const answers: number[] = [];
  supports.forEach((support, label) => {
    for (let i = 0; i < support; i += 1) {
      const said = i < hits[label]! ? label : (label + 1) % LABELS.length;
      truths.push(label);
      answers.push(...LABELS.map((_, index) => (index === said ? 0.98 : 0.01)));
    }
  });
  return evaluate(LABELS, truths, Float32Array.from(answers));
}

function report(
  challenger: Evaluation,
  champion: Evaluation | null,
  more: Partial<EvaluationReport> = {},
): EvaluationReport {
  return {
    labels: LABELS,
    datasetDigest: 'd'.repeat(64),
    golden: { challenger, champion },
    exam: null,
    corrections: null,
    onnxDifference: 2e-7,
    ...more,
  };
}

const decide = (...given: Parameters<typeof report>) => judge(report(...given), DEFAULT_GATE_POLICY);
const codes = (verdict: GateVerdict) =>
  verdict.reasons.map(({ code, passed }) => `${passed ? '+' : '-'}${code}`);
const text = (verdict: GateVerdict, code: string) =>
  verdict.reasons
    .filter((entry) => entry.code === code)
    .map((entry) => entry.text)
    .join('\n');

const ALL = [1000, 1000, 1000];
const CHAMPION = measured(ALL, [990, 990, 990]);

describe('The gate', () => {
  it('lets a better challenger in and says by how much', () => {
    const verdict = decide(measured(ALL, [995, 990, 990]), CHAMPION);
    expect(verdict.promote).to.equal(true);
    expect(codes(verdict)).to.deep.equal(['+ONNX_AGREES', '+GOLDEN_ACCURACY', '+CLASS_RECALL']);
    expect(text(verdict, 'GOLDEN_ACCURACY')).to.equal(
      'On the golden set the challenger is right on 99.17 % (2,975 of 3,000), 0.17 points better than the champion ' +
        'with 99.00 % (2,970 of 3,000).',
    );
  });

  it('lets an equally good challenger in', () => {
    const verdict = decide(measured(ALL, [985, 995, 990]), CHAMPION);
    expect(verdict.promote).to.equal(true);
    expect(text(verdict, 'GOLDEN_ACCURACY')).to.include('as good as the champion');
  });

  it('refuses a challenger that is worse by a single image', () => {
    const verdict = decide(measured(ALL, [990, 990, 989]), CHAMPION);
    expect(verdict.promote).to.equal(false);
    expect(codes(verdict)).to.deep.equal(['+ONNX_AGREES', '-GOLDEN_ACCURACY', '+CLASS_RECALL']);
    expect(text(verdict, 'GOLDEN_ACCURACY')).to.include('0.03 points worse');
  });

  it('refuses when a class falls although the total rises, and names class and figures', () => {
    const verdict = decide(measured(ALL, [1000, 1000, 979]), CHAMPION);
    expect(verdict.promote).to.equal(false);
    expect(codes(verdict)).to.deep.equal(['+ONNX_AGREES', '+GOLDEN_ACCURACY', '-CLASS_RECALL']);
    expect(text(verdict, 'CLASS_RECALL')).to.equal(
      'HeadCT fell by 1.10 points: the challenger recognises 97.90 % of its 1,000 golden images, the champion ' +
        '99.00 %; a loss of 1.00 points is allowed.',
    );
  });

  it('lets a class fall by exactly the tolerance, and not by one image more', () => {
    expect(decide(measured(ALL, [1000, 990, 980]), CHAMPION).promote).to.equal(true);
    expect(decide(measured(ALL, [1000, 1000, 979]), CHAMPION).promote).to.equal(false);
  });

  it('gives each class that fell a reason of its own', () => {
    const verdict = decide(measured(ALL, [900, 1000, 900]), CHAMPION);
    const fallen = verdict.reasons.filter(({ code }) => code === 'CLASS_RECALL');
    expect(fallen.map((entry) => entry.text.split(' ')[0])).to.deep.equal(['CXR', 'HeadCT']);
  });

  it('does not compare a class without golden images, and says so', () => {
    const supports = [1000, 1000, 0];
    const verdict = decide(measured(supports, [990, 990, 0]), measured(supports, [990, 980, 0]));
    expect(verdict.promote).to.equal(true);
    expect(text(verdict, 'CLASS_RECALL')).to.include('not compared: HeadCT');
  });

  it('asks a first version for the floor, and for nothing else', () => {
    const good = decide(measured(ALL, [900, 900, 900]), null);
    expect(codes(good)).to.deep.equal(['+ONNX_AGREES', '+FIRST_VERSION_FLOOR']);
    expect(good.promote).to.equal(true);
    const bad = decide(measured(ALL, [900, 900, 899]), null);
    expect(codes(bad)).to.deep.equal(['+ONNX_AGREES', '-FIRST_VERSION_FLOOR']);
    expect(text(bad, 'FIRST_VERSION_FLOOR')).to.include('89.97 % (2,699 of 3,000)').and.include('90.00 %');
  });

  it('refuses a file that answers unlike the trained network', () => {
    const better = measured(ALL, ALL);
    const verdict = decide(better, CHAMPION, { onnxDifference: 2e-4 });
    expect(verdict.promote).to.equal(false);
    expect(text(verdict, 'ONNX_AGREES')).to.include('2.0e-4').and.include('1.0e-4');
    expect(decide(better, CHAMPION, { onnxDifference: NaN }).promote).to.equal(false);
    expect(decide(better, CHAMPION, { onnxDifference: 1e-4 }).promote).to.equal(true);
  });

  it('refuses where there is no golden image', () => {
    const empty = measured([0, 0, 0], [0, 0, 0]);
    for (const champion of [null, empty, CHAMPION]) {
      const verdict = decide(empty, champion);
      expect(verdict.promote).to.equal(false);
      expect(codes(verdict)).to.deep.equal(['-FIGURES_COMPLETE', '+ONNX_AGREES']);
    }
  });

  it('refuses figures that are not numbers, also those that became null on the way', () => {
    const good = measured(ALL, ALL);
    const broken: Evaluation[] = [
      { ...good, accuracy: NaN },
      { ...good, loss: Infinity },
      JSON.parse(JSON.stringify({ ...good, loss: NaN })) as Evaluation,
    ];
    for (const evaluation of broken) {
      expect(codes(decide(evaluation, CHAMPION))).to.include('-FIGURES_COMPLETE');
      expect(codes(decide(good, evaluation))).to.include('-FIGURES_COMPLETE');
    }
  });

  it('refuses to compare models that were measured on different sets or classes', () => {
    const verdict = decide(measured(ALL, ALL), measured([1000, 1000, 999], [1000, 1000, 999]));
    expect(codes(verdict)).to.include('-FIGURES_COMPLETE');
    expect(text(verdict, 'FIGURES_COMPLETE')).to.include('3,000').and.include('2,999');
    const renamed = { ...CHAMPION, perClass: [...CHAMPION.perClass].reverse() };
    expect(codes(decide(measured(ALL, ALL), renamed))).to.include('-FIGURES_COMPLETE');
  });

  it('tells how exam and corrections went, without letting them decide', () => {
    const exam = { challenger: measured([10, 0, 0], [4, 0, 0]), champion: measured([10, 0, 0], [5, 0, 0]) };
    const corrections = { challenger: measured([4, 0, 0], [4, 0, 0]), champion: null };
    const verdict = decide(CHAMPION, CHAMPION, { exam, corrections });
    expect(verdict.promote).to.equal(true);
    expect(text(verdict, 'EXAM_RESULT')).to.equal(
      'Of the 10 corrections kept back as an exam, the challenger is right on 40.00 % (4 of 10), the champion on ' +
        '50.00 % (5 of 10).',
    );
    expect(text(verdict, 'CORRECTIONS_RESULT')).to.equal(
      'Of the 4 corrections that were trained, the challenger is right on 100.00 % (4 of 4).',
    );
  });

  it('goes by the policy that it is given', () => {
    const lenient = { ...DEFAULT_GATE_POLICY, goldenTolerance: 0.01, classRecallTolerance: 0.05 };
    const given = report(measured(ALL, [990, 990, 960]), CHAMPION);
    expect(judge(given, lenient).promote).to.equal(true);
    expect(judge(given, DEFAULT_GATE_POLICY).promote).to.equal(false);
  });

  it('uses only codes of its table', () => {
    const verdicts = [
      decide(CHAMPION, CHAMPION),
      decide(CHAMPION, null, { exam: { challenger: CHAMPION, champion: null } }),
      decide({ ...CHAMPION, loss: NaN }, null),
    ];
    for (const { code } of verdicts.flatMap(({ reasons }) => reasons))
      expect(GATE_REASONS).to.have.property(code);
  });
});
