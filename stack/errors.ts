/** The error table of the stack room: code and meaning; each message says what to do about it. */

export const STACK_ERRORS = {
  PLATFORM_UNSUPPORTED: { meaning: 'This operating system or processor cannot run a part.' },
  NODE_TOO_OLD: { meaning: 'The running Node.js is older than Medloop needs.' },
  PYTHON_MISSING: { meaning: 'No Python 3.10 or later was found.' },
  COMPILER_MISSING: { meaning: 'The tools to build the TensorFlow binding are not all installed.' },
  GO_MISSING: { meaning: 'No Go that is new enough was found, and none could be installed.' },
  GIVEN_PATH_INVALID: { meaning: 'A path that the environment gives does not lead to a usable program.' },
  INSTALL_FAILED: { meaning: 'A part could not be installed.' },
  VERIFY_FAILED: { meaning: 'A part was installed but does not run.' },
  TOOL_MISSING: { meaning: 'A part is neither given, nor on the PATH, nor in the tools folder.' },
  DISK_FULL: { meaning: 'There is not enough space to install a part.' },
  TOOLS_NOT_WRITABLE: { meaning: 'The tools folder cannot be written.' },
  HOME_NOT_WRITABLE: { meaning: 'The home folder cannot be written.' },
  ALREADY_RUNNING: { meaning: 'A stack is already running on this home.' },
  PORT_BUSY: { meaning: 'A port that the stack needs is taken by another program.' },
  PART_NOT_HEALTHY: { meaning: 'A part did not become healthy in time or ended at its start.' },
  PART_UNREACHABLE: { meaning: 'A part that runs elsewhere does not answer.' },
  CREDENTIALS_INVALID: { meaning: 'The file with the keys of the embedded S3 server cannot be used.' },
  IMPORT_FAILED: { meaning: 'The first data could not be imported.' },
  TRAINING_FAILED: { meaning: 'The first model could not be trained.' },
  WRONG_USE: { meaning: 'The command was called in a way that it does not know.' },
} as const;

export type StackErrorCode = keyof typeof STACK_ERRORS;

/** A failure of set-up or of the running stack, worded for the person at the terminal. */
export class StackError extends Error {
  constructor(
    readonly code: StackErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'StackError';
  }
}
