/** The error table of the Temporal room: code, meaning, and the HTTP status that the API answers with. */

export const TEMPORAL_ERRORS = {
  TEMPORAL_UNREACHABLE: { status: 503, meaning: 'The Temporal server does not answer.' },
  TEMPORAL_DENIED: {
    status: 503,
    meaning: 'The Temporal server refused the credentials, or does not know the namespace.',
  },
  TEMPORAL_UNEXPECTED: {
    status: 502,
    meaning: 'The Temporal server answered in a way that is not understood.',
  },
  CURSOR_INVALID: { status: 400, meaning: 'The cursor of a listing is none that this service gave.' },
  RUN_IN_PROGRESS: { status: 409, meaning: 'A retrain is already running.' },
  RUN_NOT_FOUND: { status: 404, meaning: 'There is no run with this id.' },
  RUN_ENDED: { status: 409, meaning: 'The run has already ended.' },
  PROMOTION_IN_PROGRESS: {
    status: 409,
    meaning: 'Another promotion or a retrain is about to move the alias.',
  },
  PROMOTION_FAILED: { status: 409, meaning: 'The alias could not be moved.' },
  NOTHING_TO_ROLL_BACK: { status: 409, meaning: 'There is no earlier version to go back to.' },
  SCHEDULE_MISSING: { status: 503, meaning: 'The weekly schedule has not been set up yet.' },
  SCHEDULE_INVALID: { status: 400, meaning: 'The cron expression is not understood.' },
  VERSION_UNKNOWN: { status: 404, meaning: 'There is no such version of the model.' },
} as const;

export type TemporalErrorCode = keyof typeof TEMPORAL_ERRORS;

/** A failure that a client of Temporal meets. */
export class TemporalError extends Error {
  readonly runId: string | undefined;
  constructor(
    readonly code: TemporalErrorCode,
    message: string,
    options?: { cause?: unknown; runId?: string },
  ) {
    super(message, options);
    this.name = 'TemporalError';
    this.runId = options?.runId;
  }
}
