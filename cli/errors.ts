/** The error table of the command line, and its exit codes. */

export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, nothingNew: 4, unreachable: 5 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const CLI_ERRORS = {
  USAGE: { exit: EXIT.usage, meaning: 'The command, an option or an argument is not understood.' },
  FILE_NOT_FOUND: {
    exit: EXIT.usage,
    meaning: 'A file or folder that was named does not exist or cannot be read.',
  },
  NOT_REACHABLE: { exit: EXIT.unreachable, meaning: 'The API does not answer; is the stack running?' },
  RUN_FAILED: { exit: EXIT.failed, meaning: 'The run that was waited for failed or was cancelled.' },
  API_REFUSED: { exit: EXIT.failed, meaning: 'The API answered with a problem; its own code is shown.' },
  ANSWER_NOT_UNDERSTOOD: { exit: EXIT.failed, meaning: 'The API answered in a form that is not understood.' },
} as const satisfies Record<string, { exit: ExitCode; meaning: string }>;

export type CliErrorCode = keyof typeof CLI_ERRORS;

/** A failure that ends the command with its exit code and one readable message. */
export class CliError extends Error {
  constructor(
    readonly code: CliErrorCode,
    message: string,
    /** Stable code of the API's problem, where there was one. */
    readonly problemCode: string | null = null,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'CliError';
  }

  get exit(): ExitCode {
    return CLI_ERRORS[this.code].exit;
  }
}
