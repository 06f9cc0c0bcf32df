/** The trainer's view of a data set: small columns in memory, pixels read from disk by row. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ModelError } from '../errors.js';
import { IMAGE_PIXELS, type DatasetFiles, type Labels, type Origin } from '../types.js';
import { readImagesHeader } from './npy.js';

/** More parts than this are opened again when they are needed. */
const MAX_OPEN_PARTS = 128;

interface OpenPart {
  readonly descriptor: number;
  readonly dataOffset: number;
}

/** Numbers of examples (positions in the examples file) by what they are for. */
interface Groups {
  /** Trained: base data. */
  readonly base: Uint32Array;
  /** Trained: corrections that are new in this snapshot. */
  readonly fresh: Uint32Array;
  /** Trained: corrections of earlier snapshots. */
  readonly earlier: Uint32Array;
  readonly validation: Uint32Array;
  readonly golden: Uint32Array;
}

/**
 * Needs 12 bytes of memory an example, whatever the number of images: pixels stay in the files, and the system keeps
 * those in memory for which it has room. `exam` rows are not even listed.
 */
export class TrainingData {
  readonly #open = new Map<number, OpenPart>();

  private constructor(
    private readonly files: DatasetFiles,
    private readonly parts: Uint16Array,
    private readonly rows: Uint32Array,
    readonly label: Uint8Array,
    /** 1 for each example that is a person's correction. */
    readonly correction: Uint8Array,
    readonly groups: Groups,
  ) {}

  get labels(): Labels {
    return this.files.labels;
  }

  get digest(): string {
    return this.files.digest;
  }

  /** Every number of an example that may be trained. */
  get train(): Uint32Array {
    const { base, fresh, earlier } = this.groups;
    const all = new Uint32Array(base.length + fresh.length + earlier.length);
    all.set(base);
    all.set(fresh, base.length);
    all.set(earlier, base.length + fresh.length);
    return all.sort();
  }

  /**
   * Reads the examples file and checks it against the parts.
   * @throws ModelError DATASET_INVALID naming the line or the file
   */
  static async open(files: DatasetFiles): Promise<TrainingData> {
    if (files.labels.length < 2 || files.labels.length > 255) {
      throw invalid(`The data set has ${files.labels.length} labels; 2 to 255 can be trained.`);
    }
    if (files.parts.length > 65_535) throw invalid('The data set has more than 65,535 parts.');
    const parts = new Column(Uint16Array);
    const rows = new Column(Uint32Array);
    const label = new Column(Uint8Array);
    const correction = new Column(Uint8Array);
    const lists = { base: list(), fresh: list(), earlier: list(), validation: list(), golden: list() };
    let count = 0;
    for await (const line of linesOf(files.examplesPath)) {
      const example = parseExample(line, count + 1, files);
      parts.push(example.part);
      rows.push(example.row);
      label.push(example.label);
      correction.push(example.origin === 'correction' ? 1 : 0);
      if (example.group !== null) lists[example.group].push(count);
      count++;
    }
    const groups = {
      base: lists.base.values(),
      fresh: lists.fresh.values(),
      earlier: lists.earlier.values(),
      validation: lists.validation.values(),
      golden: lists.golden.values(),
    };
    if (groups.base.length + groups.fresh.length + groups.earlier.length < 2) {
      throw invalid(`${files.examplesPath} has fewer than two examples to train on.`);
    }
    const columns = [label.values(), correction.values()] as const;
    const data = new TrainingData(files, parts.values(), rows.values(), ...columns, groups);
    try {
      files.parts.forEach((_, part) => data.#part(part));
    } catch (error) {
      data.close();
      throw error;
    }
    return data;
  }

  /** Pixels of the given examples, one after the other. */
  read(examples: Uint32Array): Uint8Array {
    const pixels = new Uint8Array(examples.length * IMAGE_PIXELS);
    examples.forEach((example, position) => {
      const part = this.#part(this.parts[example] ?? 0);
      const offset = part.dataOffset + (this.rows[example] ?? 0) * IMAGE_PIXELS;
      const read = readSync(part.descriptor, pixels, position * IMAGE_PIXELS, IMAGE_PIXELS, offset);
      if (read !== IMAGE_PIXELS) {
        const path = this.files.parts[this.parts[example] ?? 0]?.imagesPath ?? '';
        throw invalid(`${path} was cut off while it was being read.`);
      }
    });
    return pixels;
  }

  close(): void {
    for (const { descriptor } of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #part(index: number): OpenPart {
    const open = this.#open.get(index);
    if (open) return open;
    const file = this.files.parts[index];
    if (!file) throw invalid(`Part ${index} is not in the data set.`);
    if (this.#open.size >= MAX_OPEN_PARTS) {
      const [oldest] = this.#open;
      if (oldest) {
        closeSync(oldest[1].descriptor);
        this.#open.delete(oldest[0]);
      }
    }
    const part = openPart(file.imagesPath, file.rows);
    this.#open.set(index, part);
    return part;
  }
}

function openPart(path: string, rows: number): OpenPart {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw invalid(`${path} cannot be opened.`, error);
  }
  try {
    const header = readImagesHeader(descriptor, path);
    const missing = header.dataOffset + rows * IMAGE_PIXELS - fstatSync(descriptor).size;
    if (header.rows !== rows) throw invalid(`${path} has ${header.rows} rows instead of ${rows}.`);
    if (missing > 0) throw invalid(`${path} is cut off: ${missing} bytes are missing.`);
    return { descriptor, dataOffset: header.dataOffset };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    const input = createReadStream(path, 'utf8');
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line !== '') yield line;
    }
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw invalid(`${path} cannot be read.`, error);
  }
}

interface ParsedExample {
  readonly part: number;
  readonly row: number;
  readonly label: number;
  readonly origin: Origin;
  readonly group: keyof Groups | null;
}

function parseExample(line: string, lineNumber: number, files: DatasetFiles): ParsedExample {
  const problem = (what: string): ModelError =>
    invalid(`${files.examplesPath}, line ${lineNumber}: ${what}.`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(`${files.examplesPath}, line ${lineNumber}: not JSON.`, error);
  }
  if (typeof value !== 'object' || value === null) throw problem('not an object');
  const { part, row, label, split, origin, fresh } = value as Record<string, unknown>;
  const rows = isIndex(part) ? files.parts[part]?.rows : undefined;
  if (!isIndex(part) || rows === undefined) throw problem(`there is no part ${String(part)}`);
  if (!isIndex(row) || row >= rows) throw problem(`part ${part} has no row ${String(row)}`);
  if (!isIndex(label) || label >= files.labels.length) throw problem(`there is no label ${String(label)}`);
  if (origin !== 'base' && origin !== 'correction') throw problem(`there is no origin ${String(origin)}`);
  const place = { part, row, label, origin } as const;
  switch (split) {
    case 'train':
      return { ...place, group: origin === 'base' ? 'base' : fresh === true ? 'fresh' : 'earlier' };
    case 'validation':
    case 'golden':
      return { ...place, group: split };
    case 'exam':
      return { ...place, group: null };
    default:
      throw problem(`there is no split ${String(split)}`);
  }
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(message: string, cause?: unknown): ModelError {
  return new ModelError('DATASET_INVALID', message, cause === undefined ? undefined : { cause });
}

type NumberArray = Uint8Array | Uint16Array | Uint32Array;

/** A typed array that grows. */
class Column<T extends NumberArray> {
  #length = 0;
  #values: T;

  constructor(private readonly type: new (length: number) => T) {
    this.#values = new type(1024);
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const wider = new this.type(this.#length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length++] = value;
  }

  values(): T {
    return this.#values.slice(0, this.#length) as T;
  }
}

function list(): Column<Uint32Array> {
  return new Column(Uint32Array);
}
