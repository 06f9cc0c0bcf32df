/**
 * What people's words about one image amount to: who disagrees, what a reviewer decided, and the label that follows.
 * Pure functions over an image's dossier.
 */
import type { CorrectionId, CorrectionStatus, Review, ReviewDecision } from './types.js';

/** One event in its author's own order. */
export interface Word {
  readonly id: CorrectionId;
  readonly author: string;
  /** Place in what this author said about the image, from 1; a later word replaces the earlier ones. */
  readonly position: number;
  readonly label: string;
}

export interface ReviewWord {
  readonly id: CorrectionId;
  readonly correction: CorrectionId;
  readonly decision: ReviewDecision;
  readonly reviewer: string;
  readonly reviewedAt: string;
}

export interface Dossier {
  readonly words: readonly Word[];
  readonly reviews: readonly ReviewWord[];
}

export interface Standing {
  readonly status: CorrectionStatus;
  readonly superseded: boolean;
  readonly review: Review | null;
}

/**
 * `agreed`: `label` holds (a class or none of them). `disputed`: people differ and nobody has decided.
 * `silent`: nobody's word counts, because there is none or all were rejected.
 */
export type Verdict =
  | { readonly state: 'agreed'; readonly label: string; readonly correction: CorrectionId }
  | { readonly state: 'disputed' | 'silent'; readonly label: null; readonly correction: null };

/** Reviews by correction, the latest one each. */
function latestReviews(dossier: Dossier): Map<CorrectionId, ReviewWord> {
  const latest = new Map<CorrectionId, ReviewWord>();
  for (const review of dossier.reviews) {
    const known = latest.get(review.correction);
    if (known === undefined || known.id < review.id) latest.set(review.correction, review);
  }
  return latest;
}

/** The latest word of each author. */
function lastWords(dossier: Dossier): Word[] {
  const last = new Map<string, Word>();
  for (const word of dossier.words) {
    const known = last.get(word.author);
    if (known === undefined || known.position < word.position) last.set(word.author, word);
  }
  return [...last.values()];
}

interface Decision {
  readonly review: ReviewWord;
  readonly word: Word;
}

/** The reviewer's latest acceptance of any word about the image; it decides until another one is accepted. */
function decisionOf(dossier: Dossier, reviews: Map<CorrectionId, ReviewWord>): Decision | null {
  let decision: Decision | null = null;
  for (const word of dossier.words) {
    const review = reviews.get(word.id);
    if (review?.decision !== 'accept') continue;
    if (decision === null || decision.review.id < review.id) decision = { review, word };
  }
  return decision;
}

/** Status of one event of the dossier. */
export function standingOf(dossier: Dossier, id: CorrectionId): Standing {
  const reviews = latestReviews(dossier);
  const decision = decisionOf(dossier, reviews);
  const last = lastWords(dossier);
  const word = dossier.words.find((candidate) => candidate.id === id);
  const own = reviews.get(id);
  const review =
    own === undefined ? null : { decision: own.decision, reviewer: own.reviewer, reviewedAt: own.reviewedAt };
  if (word === undefined) return { status: 'accepted', superseded: false, review };
  const superseded = !last.some((candidate) => candidate.id === id);
  return { status: statusOf(word, own, decision, last, reviews, superseded), superseded, review };
}

function statusOf(
  word: Word,
  own: ReviewWord | undefined,
  decision: Decision | null,
  last: readonly Word[],
  reviews: Map<CorrectionId, ReviewWord>,
  superseded: boolean,
): CorrectionStatus {
  if (own?.decision === 'reject') return 'rejected';
  if (decision !== null) {
    if (decision.word.label === word.label) return 'accepted';
    // Said after the decision: the decision stands, but a reviewer should see the new voice.
    const saidLater = own === undefined && word.id > decision.review.id;
    return saidLater && !superseded ? 'disputed' : 'rejected';
  }
  if (superseded) return 'accepted';
  const counting = last.filter((candidate) => reviews.get(candidate.id)?.decision !== 'reject');
  return counting.some((candidate) => candidate.label !== word.label) ? 'disputed' : 'accepted';
}

/** What the image shows according to its dossier. */
export function verdictOf(dossier: Dossier): Verdict {
  const reviews = latestReviews(dossier);
  const decision = decisionOf(dossier, reviews);
  if (decision !== null) {
    return { state: 'agreed', label: decision.word.label, correction: decision.word.id };
  }
  const counting = lastWords(dossier).filter((word) => reviews.get(word.id)?.decision !== 'reject');
  let latest: Word | null = null;
  for (const word of counting) {
    if (latest !== null && word.label !== latest.label) {
      return { state: 'disputed', label: null, correction: null };
    }
    if (latest === null || latest.id < word.id) latest = word;
  }
  return latest === null
    ? { state: 'silent', label: null, correction: null }
    : { state: 'agreed', label: latest.label, correction: latest.id };
}
