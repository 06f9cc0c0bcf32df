/** The images of this visit: what was asked, answered and corrected. Lives outside of React, so that no view loses it. */
import type { CorrectionReceipt, Prediction, Predictions } from '../../api/schema.js';
import type { CorrectionFields } from '../client/endpoints.js';
import { ApiError, fromProblem, toFailure, type Failure } from '../client/http.js';
import { megabytes } from '../common/format.js';

type Answer =
  | { readonly kind: 'queued' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'answered'; readonly prediction: Prediction }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What the person said about the answer, and whether it is stored. Only `saved` is an acknowledgement. */
type Feedback =
  | { readonly kind: 'none' }
  | { readonly kind: 'sending'; readonly label: string }
  | { readonly kind: 'saved'; readonly receipt: CorrectionReceipt; readonly confirms: boolean }
  | { readonly kind: 'failed'; readonly label: string; readonly failure: Failure };

export interface Item {
  readonly id: number;
  readonly file: File;
  /** Object URL of the file, revoked when the item is removed. */
  readonly previewUrl: string;
  readonly answer: Answer;
  readonly feedback: Feedback;
  readonly comment: string;
}

/** What the session needs from the API. */
export interface SessionApi {
  predict(images: readonly File[]): Promise<Predictions>;
  sendCorrection(fields: CorrectionFields): Promise<CorrectionReceipt>;
}

export interface SessionLimits {
  readonly fileBytes: number;
  readonly files: number;
  /** All files of one request together. */
  readonly requestBytes: number;
}

/** Small enough that the first answers come quickly, large enough to save round trips. */
const BATCH_FILES = 8;
const BATCH_BYTES = 40_000_000;
const PARALLEL_BATCHES = 2;

/** True while leaving the page would lose something that the person said. */
export const isUnsent = (item: Item): boolean =>
  item.feedback.kind === 'sending' || item.feedback.kind === 'failed';

export class ClassifySession {
  #items: readonly Item[] = [];
  #nextId = 1;
  #running = 0;
  #open = true;
  #limits: SessionLimits | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(private readonly api: SessionApi) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly items = (): readonly Item[] => this.#items;

  setLimits(limits: SessionLimits): void {
    this.#limits = limits;
  }

  /** Closed while no model is loaded: what is added then waits, and is sent when the session opens. */
  setOpen(open: boolean): void {
    this.#open = open;
    this.#pump();
  }

  add(files: readonly File[]): void {
    const added = files.map((file): Item => {
      const limit = this.#limits?.fileBytes ?? Number.POSITIVE_INFINITY;
      return {
        id: this.#nextId++,
        file,
        previewUrl: URL.createObjectURL(file),
        answer: file.size > limit ? { kind: 'failed', failure: tooLarge(file, limit) } : { kind: 'queued' },
        feedback: { kind: 'none' },
        comment: '',
      };
    });
    this.#set([...added, ...this.#items]);
    this.#pump();
  }

  /** Asks again: after a failure, or because another version serves now. A stored correction stays shown. */
  classifyAgain(ids: readonly number[]): void {
    for (const id of ids) {
      this.#update(id, (item) =>
        item.answer.kind === 'queued' || item.answer.kind === 'sending' || isUnsent(item)
          ? item
          : { ...item, answer: { kind: 'queued' } },
      );
    }
    this.#pump();
  }

  remove(id: number): void {
    const item = this.#items.find((other) => other.id === id);
    if (item === undefined) return;
    URL.revokeObjectURL(item.previewUrl);
    this.#set(this.#items.filter((other) => other.id !== id));
  }

  /** Removes everything but what would lose an unsent correction. */
  clear(): void {
    for (const item of this.#items) if (!isUnsent(item)) this.remove(item.id);
  }

  setComment(id: number, comment: string): void {
    this.#update(id, (item) => ({ ...item, comment }));
  }

  /** Opens the choice of classes again after a stored correction. */
  reconsider(id: number): void {
    this.#update(id, (item) => ({ ...item, feedback: { kind: 'none' } }));
  }

  /** Sends what the person said; the item is `saved` only once the API has stored it. */
  async correct(id: number, label: string, author: string): Promise<void> {
    const item = this.#items.find((other) => other.id === id);
    if (item?.answer.kind !== 'answered' || item.feedback.kind === 'sending') return;
    const { prediction } = item.answer;
    this.#update(id, (now) => ({ ...now, feedback: { kind: 'sending', label } }));
    let feedback: Feedback;
    try {
      const receipt = await this.api.sendCorrection({
        image: item.file,
        label,
        predictedLabel: prediction.label,
        modelVersion: prediction.model.version,
        comment: item.comment,
        author,
      });
      if (typeof (receipt as Partial<CorrectionReceipt>).id !== 'string') throw new ApiError(NO_RECEIPT);
      feedback = { kind: 'saved', receipt, confirms: label === prediction.label };
    } catch (error) {
      feedback = { kind: 'failed', label, failure: toFailure(error) };
    }
    this.#update(id, (now) => ({ ...now, feedback }));
  }

  #pump(): void {
    while (this.#open && this.#running < PARALLEL_BATCHES) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      this.#running += 1;
      void this.#ask(batch).finally(() => {
        this.#running -= 1;
        this.#pump();
      });
    }
  }

  /** The next files in the order in which they are shown. */
  #nextBatch(): readonly Item[] {
    const most = Math.min(BATCH_FILES, this.#limits?.files ?? BATCH_FILES);
    // A part of the limit is left to the form around the files.
    const mostBytes = Math.min(BATCH_BYTES, (this.#limits?.requestBytes ?? BATCH_BYTES) * 0.95);
    const batch: Item[] = [];
    let bytes = 0;
    for (const item of this.#items) {
      if (item.answer.kind !== 'queued') continue;
      if (batch.length === most || (batch.length > 0 && bytes + item.file.size > mostBytes)) break;
      batch.push(item);
      bytes += item.file.size;
    }
    return batch;
  }

  async #ask(batch: readonly Item[]): Promise<void> {
    for (const { id } of batch) this.#update(id, (item) => ({ ...item, answer: { kind: 'sending' } }));
    let answers: readonly Answer[];
    try {
      const { predictions } = await this.api.predict(batch.map((item) => item.file));
      answers = predictions.map((one) =>
        'problem' in one
          ? { kind: 'failed', failure: fromProblem(one.problem) }
          : { kind: 'answered', prediction: one },
      );
    } catch (error) {
      const failure = toFailure(error);
      answers = batch.map(() => ({ kind: 'failed', failure }));
    }
    batch.forEach(({ id }, index) => {
      const answer = answers[index] ?? { kind: 'failed', failure: NO_ANSWER };
      this.#update(id, (item) => ({ ...item, answer }));
    });
  }

  #update(id: number, change: (item: Item) => Item): void {
    this.#set(this.#items.map((item) => (item.id === id ? change(item) : item)));
  }

  #set(items: readonly Item[]): void {
    this.#items = items;
    for (const listener of this.#listeners) listener();
  }
}

const NO_ANSWER: Failure = {
  code: 'BAD_ANSWER',
  title: 'No answer for this image',
  detail: 'The server answered for other images of the same upload and left this one out.',
  retryable: true,
};
const NO_RECEIPT: Failure = {
  code: 'BAD_ANSWER',
  title: 'Not acknowledged',
  detail: 'The server did not say that the correction is stored.',
  retryable: true,
};

function tooLarge(file: File, limit: number): Failure {
  return {
    code: 'IMAGE_TOO_LARGE',
    title: 'The file is too large',
    detail: `${file.name} has ${megabytes(file.size)}; at most ${megabytes(limit)} are taken.`,
    retryable: false,
  };
}
