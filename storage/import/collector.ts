/** Reads an import's files, tells new images from known, doubled and broken ones, and spools the new ones' pixels. */
import type { DecodedImage, Labels, Sha256, Split } from '../../model/types.js';
import { StorageError } from '../errors.js';
import type { PartSpool } from '../parts.js';
import type { BaseRows } from '../base-index.js';
import type { ImageDecoder, ImportEntry, ImportReport, ImportSource } from '../types.js';
import { assertClassName, shown } from './layout.js';

export interface CollectorParts {
  readonly decode: ImageDecoder;
  readonly sha256Of: (bytes: Uint8Array) => Sha256;
  readonly splitOf: (sha256: Sha256) => Split;
  /** Images decoded at a time; twice as many wait in memory. */
  readonly concurrency: number;
}

interface Seen {
  readonly label: string;
  readonly name: string;
}

interface Collected {
  /** Images that are new, by digest, conflicts included until `conflicts` is asked. */
  readonly added: ReadonlyMap<Sha256, Seen>;
  readonly known: ReadonlyMap<Sha256, Seen>;
  readonly broken: ImportReport['broken'];
  readonly duplicates: ImportReport['duplicates'];
  readonly conflicts: ImportReport['conflicts'];
}

type Decoded = { readonly pixels: Uint8Array } | { readonly code: string; readonly message: string };

interface Pending {
  readonly sha256: Sha256;
  readonly entry: ImportEntry;
  readonly decoded: Promise<Decoded>;
}

/**
 * @param labels classes of the data set; null where this import will fix them
 * @throws StorageError `IMPORT_UNKNOWN_CLASS` at the first readable image of a class that the data set does not know
 */
export async function collect(
  parts: CollectorParts,
  source: ImportSource,
  base: BaseRows,
  labels: Labels | null,
  spool: PartSpool,
  onRead: (done: number) => void,
): Promise<Collected> {
  const added = new Map<Sha256, Seen>();
  const known = new Map<Sha256, Seen>();
  /** Digests that were looked at and could not be decoded. */
  const unreadable = new Set<Sha256>();
  const broken: { name: string; code: string; message: string }[] = [];
  const duplicates: { name: string; firstName: string }[] = [];
  const conflicts = new Map<Sha256, string[]>();
  const waiting: Pending[] = [];
  const inFlight = new Map<Sha256, Seen>();
  let done = 0;

  const settle = async (): Promise<void> => {
    const pending = waiting.shift();
    if (pending === undefined) return;
    const { sha256, entry } = pending;
    const decoded = await pending.decoded;
    inFlight.delete(sha256);
    if ('code' in decoded) {
      unreadable.add(sha256);
      broken.push({ name: entry.name, code: decoded.code, message: decoded.message });
      return;
    }
    if (labels !== null && !labels.includes(entry.label)) {
      throw new StorageError(
        'IMPORT_UNKNOWN_CLASS',
        `The import has the class folder ${shown(entry.label)}; the data set knows ${labels.join(', ')}.`,
      );
    }
    assertClassName(entry.label);
    added.set(sha256, { label: entry.label, name: entry.name });
    await spool.add(
      {
        sha256,
        label: entry.label,
        split: parts.splitOf(sha256),
        correction: null,
        author: null,
        name: entry.name,
      },
      decoded.pixels,
    );
  };

  const meet = (sha256: Sha256, entry: ImportEntry, first: Seen): void => {
    if (first.label === entry.label) {
      duplicates.push({ name: entry.name, firstName: first.name });
      return;
    }
    const names = conflicts.get(sha256) ?? [first.name];
    conflicts.set(sha256, [...names, entry.name]);
  };

  for await (const entry of source.entries()) {
    done += 1;
    onRead(done);
    if (entry.problem !== undefined) {
      broken.push({ name: entry.name, ...entry.problem });
      continue;
    }
    const sha256 = parts.sha256Of(entry.bytes);
    // Its twin is still being decoded: only then is it known whether it is an image at all.
    while (inFlight.has(sha256)) await settle();
    const first = added.get(sha256) ?? known.get(sha256);
    const inBase = base.get(sha256);
    if (first !== undefined) {
      meet(sha256, entry, first);
    } else if (inBase !== undefined) {
      if (inBase.label === entry.label) known.set(sha256, { label: entry.label, name: entry.name });
      else meet(sha256, entry, inBase);
    } else {
      inFlight.set(sha256, { label: entry.label, name: entry.name });
      const decoded = unreadable.has(sha256)
        ? Promise.resolve({ code: 'IMAGE_UNREADABLE', message: 'The same bytes could not be read before.' })
        : outcomeOf(parts.decode, entry.bytes);
      waiting.push({ sha256, entry, decoded });
      if (waiting.length >= 2 * parts.concurrency) await settle();
    }
  }
  while (waiting.length > 0) await settle();
  return {
    added,
    known,
    broken,
    duplicates,
    conflicts: [...conflicts].map(([sha256, names]) => ({ sha256, names })),
  };
}

async function outcomeOf(decode: ImageDecoder, bytes: Uint8Array): Promise<Decoded> {
  let image: DecodedImage;
  try {
    image = await decode(bytes);
  } catch (error) {
    const code =
      typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
        ? error.code
        : 'IMAGE_UNREADABLE';
    return { code, message: error instanceof Error ? error.message : String(error) };
  }
  return { pixels: image.pixels };
}
