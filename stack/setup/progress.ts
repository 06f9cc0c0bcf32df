/** What set-up is doing, for a terminal (lines that change in place) or for a log (a line now and then). */

export type PartState = 'checking' | 'waiting' | 'working' | 'ready' | 'failed';

export interface Progress {
  /** As a person would call the part, with its version. */
  readonly part: string;
  readonly state: PartState;
  /** What is being done, in a few words. */
  readonly detail: string;
  /** 0 to 1 where it is known. */
  readonly fraction?: number;
}

export type Report = (progress: Progress) => void;

/** Where progress is written. */
export interface Screen {
  readonly isTerminal: boolean;
  readonly columns: number;
  write(text: string): void;
}

const LOG_EVERY_MS = 10_000;
const DRAW_EVERY_MS = 100;

interface Row {
  progress: Progress;
  readonly sinceMs: number;
  loggedAtMs: number;
}

/** Draws the progress of several parts at once. `close` leaves the last state on the screen. */
export function createProgressView(screen: Screen): { report: Report; close: () => void } {
  const rows = new Map<string, Row>();
  let drawn = 0;
  let drawnAtMs = 0;

  const draw = (): void => {
    if (drawn > 0) screen.write(`\u001b[${drawn}A`);
    for (const row of rows.values()) {
      screen.write(`\u001b[2K${lineOf(row).slice(0, Math.max(20, screen.columns - 1))}\n`);
    }
    drawn = rows.size;
    drawnAtMs = Date.now();
  };
  const timer = screen.isTerminal ? setInterval(draw, 1000) : null;
  timer?.unref();

  return {
    report: (progress) => {
      const row = rows.get(progress.part);
      const isNew = row === undefined || row.progress.state !== progress.state;
      if (row === undefined) {
        rows.set(progress.part, { progress, sinceMs: Date.now(), loggedAtMs: 0 });
      } else {
        row.progress = progress;
      }
      const current = rows.get(progress.part);
      if (current === undefined) return;
      if (screen.isTerminal) {
        if (isNew || Date.now() - drawnAtMs > DRAW_EVERY_MS) draw();
      } else if ((isNew && progress.state !== 'checking') || Date.now() - current.loggedAtMs > LOG_EVERY_MS) {
        // What is found at once needs no announcement of the looking.
        if (progress.state !== 'checking' || !isNew) screen.write(`${lineOf(current)}\n`);
        current.loggedAtMs = Date.now();
      }
    },
    close: () => {
      if (timer !== null) {
        clearInterval(timer);
        draw();
      }
    },
  };
}

function lineOf({ progress, sinceMs }: Row): string {
  const mark = { checking: '·', waiting: '·', working: '·', ready: '✓', failed: '✗' }[progress.state];
  const seconds = Math.round((Date.now() - sinceMs) / 1000);
  const share = progress.fraction === undefined ? '' : ` ${Math.floor(progress.fraction * 100)} %`;
  const time = progress.state === 'ready' && seconds < 2 ? '' : ` (${seconds} s)`;
  return `${mark} ${progress.part}: ${progress.detail}${share}${time}`;
}
