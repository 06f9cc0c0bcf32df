/** What became of a correction: which snapshot took it, which version learned it, what the model answers now. */
import { isExam } from '../model/labels.js';
import {
  NONE_LABEL,
  type Correction,
  type CorrectionStore,
  type ModelRegistry,
  type RegisteredVersion,
  type Snapshot,
  type SnapshotStore,
} from '../storage/types.js';
import type { Logger } from '../config/log.js';
import { withDeadline } from './errors.js';
import type { Fate } from './schema.js';
import type { Predictor } from './serving/predictor.js';

export interface FatePorts {
  readonly log: Logger;
  readonly snapshots: Pick<SnapshotStore, 'snapshotOf'>;
  readonly registry: Pick<ModelRegistry, 'list'>;
  readonly corrections: Pick<CorrectionStore, 'image'>;
  readonly predictor: Predictor;
  readonly deadlineMs: number;
}

const VERSIONS_LOOKED_AT = 1000;

/** True when the snapshot that took the correction kept it as an exam question, to be taught from the next one on. */
function wasExam(correction: Correction, snapshot: Snapshot): boolean {
  const asked = Object.values(snapshot.counts.exam).reduce((sum, count) => sum + count, 0);
  return asked > 0 && isExam(correction.image.sha256);
}

/**
 * The first version that passed the gate and was trained on a snapshot in which the correction was a lesson: the one
 * that took it, or, where it was an exam question there, any later one. Snapshots form one chain, so their ids tell
 * the order. A correction that is never trained on (disputed, rejected, superseded, `none`, golden) is learned by none.
 */
export function learnedIn(
  correction: Correction,
  snapshot: Snapshot,
  versions: readonly RegisteredVersion[],
): string | null {
  const never =
    correction.status !== 'accepted' ||
    correction.superseded ||
    correction.golden ||
    correction.label === NONE_LABEL;
  if (never) return null;
  const exam = wasExam(correction, snapshot);
  const learned = versions
    .filter(({ verdict }) => verdict === 'promote')
    .filter((version) => (exam ? version.snapshot > snapshot.id : version.snapshot >= snapshot.id))
    .sort((a, b) => Number(a.version) - Number(b.version));
  return learned[0]?.version ?? null;
}

/** Never fails: what a part that is down would know is null and named in `unknown`. */
export async function fateOf(correction: Correction, ports: FatePorts): Promise<Fate> {
  const unknown: Fate['unknown'][number][] = [];

  async function attempt<T>(
    name: Fate['unknown'][number],
    part: string,
    work: Promise<T>,
  ): Promise<T | null> {
    try {
      return await withDeadline(work, ports.deadlineMs, part);
    } catch (error) {
      ports.log.warn({ correction: correction.id, field: name, err: error }, 'fate not fully known');
      unknown.push(name);
      return null;
    }
  }

  async function answerNow(): Promise<Fate['answersNow']> {
    const { body } = await ports.corrections.image(correction.image.sha256);
    const [answer] = await ports.predictor.predict([{ name: correction.image.sha256, bytes: body }]);
    if (answer instanceof Error) throw answer;
    return answer
      ? { label: answer.label, confidence: answer.confidence, version: answer.model.version }
      : null;
  }

  const [snapshot, answersNow] = await Promise.all([
    attempt('snapshot', 'S3', ports.snapshots.snapshotOf(correction.id)),
    attempt('answersNow', 'S3', answerNow()),
  ]);
  let learned: string | null = null;
  if (snapshot) {
    const versions = await attempt('learnedIn', 'MLflow', ports.registry.list(VERSIONS_LOOKED_AT));
    learned = versions ? learnedIn(correction, snapshot, versions) : null;
  } else if (unknown.includes('snapshot')) {
    unknown.push('learnedIn');
  }
  return { snapshot: snapshot?.id ?? null, learnedIn: learned, answersNow, unknown };
}
