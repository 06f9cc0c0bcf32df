/** What the command line prints: tables or one JSON document on standard output, progress on standard error. */
import cliProgress from 'cli-progress';
import Table from 'cli-table3';

export interface Output {
  readonly json: boolean;
  /** The command's result: `document` with `--json`, otherwise what `human` prints. */
  result(document: unknown, human: () => void): void;
  line(text: string): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** One line on standard error. */
  note(text: string): void;
  progress(label: string): ProgressBar;
}

export interface ProgressBar {
  update(done: number, total: number, detail?: string): void;
  /** Ends the bar; further calls do nothing. */
  stop(): void;
}

/** How often a progress line is written where there is no terminal to draw a bar on. */
const PLAIN_PROGRESS_EVERY_MS = 5000;

function plainProgress(label: string, write: (text: string) => void): ProgressBar {
  let lastAt = 0;
  return {
    update(done, total, detail = '') {
      if (Date.now() - lastAt < PLAIN_PROGRESS_EVERY_MS && done < total) return;
      lastAt = Date.now();
      write(`${label}: ${done} of ${total} ${detail}`.trimEnd());
    },
    stop: () => undefined,
  };
}

function drawnProgress(label: string): ProgressBar {
  const bar = new cliProgress.SingleBar({
    format: `${label} {bar} {value}/{total} {detail}`,
    hideCursor: true,
    stream: process.stderr,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
  });
  let started = false;
  return {
    update(done, total, detail = '') {
      if (!started) bar.start(total, done, { detail });
      started = true;
      bar.setTotal(total);
      bar.update(done, { detail });
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}

/** @param json whether the result is one JSON document */
export function createOutput(json: boolean): Output {
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  return {
    json,
    result(document, human) {
      if (json) line(JSON.stringify(document, null, 2));
      else human();
    },
    line,
    table(head, rows) {
      const table = new Table({
        head: [...head],
        style: { head: process.stdout.isTTY ? ['bold'] : [], border: [], compact: true },
      });
      for (const row of rows) table.push([...row]);
      line(table.toString());
    },
    note,
    progress: (label) => (process.stderr.isTTY ? drawnProgress(label) : plainProgress(label, note)),
  };
}

/** `0.98765` as `98.8 %`; four digits where rounding would hide the difference to certainty. */
export function percent(fraction: number): string {
  const digits = fraction > 0.999 && fraction < 1 ? 3 : 1;
  return `${(fraction * 100).toFixed(digits)} %`;
}

/** `2026-01-02T03:04:05.678Z` as `2026-01-02 03:04 UTC`; a dash where there is no time. */
export function shortTime(iso: string | null): string {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : '–';
}
