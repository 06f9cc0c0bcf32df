/** One import from its source to the next snapshot: all of it becomes visible at once, or nothing does. */
import { availableParallelism } from 'node:os';
import type { Labels, Sha256, Split } from '../../model/types.js';
import type { BaseIndex, BaseRows } from '../base-index.js';
import type { SnapshotChain } from '../chain.js';
import { StorageError } from '../errors.js';
import { newId, snapshotId } from '../ids.js';
import { hasCode } from '../json.js';
import { archiveKey } from '../keys.js';
import { digestOfFile } from '../local-files.js';
import { manifestDigest, type Manifest } from '../manifest.js';
import { createPartSpool, type PartSpool } from '../parts.js';
import { addCount, emptyCounts, inheritedCounts, isHeldOut, rulingsUpTo, trainedLabel } from '../rulings.js';
import type {
  ImageDecoder,
  ImportReport,
  ImportService,
  ImportSource,
  ObjectStore,
  PartRef,
} from '../types.js';
import { collect } from './collector.js';

export interface ImportServiceParts {
  readonly objects: ObjectStore;
  readonly chain: SnapshotChain;
  readonly base: BaseIndex;
  readonly decode: ImageDecoder;
  readonly splitOf: (sha256: Sha256) => Split;
  readonly sha256Of: (bytes: Uint8Array) => Sha256;
  /** Images decoded at a time; the number of cores where not given. */
  readonly concurrency?: number;
  /** Where working files go; the system's temporary folder where null. */
  readonly spoolFolder: string | null;
  /** Now, in ms since 1970. */
  readonly clock?: () => number;
}

const ATTEMPTS = 5;
const PROGRESS_EVERY = 200;

type Collected = Awaited<ReturnType<typeof collect>>;
type Progress = Parameters<ImportService['run']>[1];

export function createImportService(parts: ImportServiceParts): ImportService {
  const { objects, chain } = parts;
  const clock = parts.clock ?? Date.now;
  const collecting = {
    ...{ decode: parts.decode, sha256Of: parts.sha256Of, splitOf: parts.splitOf },
    concurrency: parts.concurrency ?? availableParallelism(),
  };

  async function attempt(
    source: ImportSource,
    onProgress: Progress,
    startedAt: number,
  ): Promise<ImportReport | null> {
    const head = await chain.head();
    if (source.synthetic && head !== null && !head.synthetic) {
      throw new StorageError(
        'IMPORT_MIXED_DATA',
        'The data set holds real images; demo phantoms cannot be added to them.',
      );
    }
    const replacesBase = head !== null && head.synthetic && !source.synthetic;
    const parent = head;
    const base: BaseRows = head === null || replacesBase ? new Map() : await parts.base.at(head);
    // Real data over phantoms bring their own classes; after that the classes are fixed.
    const fixed = head === null || replacesBase ? (source.labels ?? null) : head.labels;
    const spool = await createPartSpool(objects, parts.spoolFolder);
    try {
      const progress = throttled(source.total, onProgress);
      const collected = await collect(collecting, source, base, fixed, spool, progress);
      const refused = new Set(collected.conflicts.map(({ sha256 }) => sha256));
      const perClass = classCounts(collected, refused);
      const labels = fixed ?? Object.keys(perClass).sort();
      const added = [...collected.added.keys()].filter((sha256) => !refused.has(sha256)).length;
      if (Object.keys(perClass).length === 0) throw emptyImport(source, collected);
      onProgress({ done: 0, total: Math.max(1, added), phase: 'write' });
      const manifest =
        added === 0 && parent !== null
          ? parent
          : await write(source, parent, { base, labels, replacesBase, spool, refused });
      if (manifest === null) return null;
      onProgress({ done: Math.max(1, added), total: Math.max(1, added), phase: 'write' });
      return {
        snapshot: manifest.id,
        changed: added > 0,
        labels: manifest.labels,
        images: Object.values(perClass).reduce((sum, count) => sum + count, 0),
        added,
        perClass,
        counts: manifest.counts,
        synthetic: manifest.synthetic,
        seconds: (clock() - startedAt) / 1000,
        broken: collected.broken,
        duplicates: collected.duplicates,
        conflicts: collected.conflicts,
        missingClasses: labels.filter((label) => (perClass[label] ?? 0) === 0),
        ignored: source.ignored ?? 0,
      };
    } finally {
      await spool.discard();
    }
  }

  interface Draft {
    readonly base: BaseRows;
    readonly labels: Labels;
    readonly replacesBase: boolean;
    readonly spool: PartSpool;
    readonly refused: ReadonlySet<Sha256>;
  }

  /** Null when other base data were imported meanwhile, so that the files must be looked at again. */
  async function write(
    source: ImportSource,
    planned: Manifest | null,
    draft: Draft,
  ): Promise<Manifest | null> {
    const archive = source.archivePath === null ? null : await keepArchive(source.archivePath);
    const uploaded = await draft.spool.upload(({ sha256 }) => draft.refused.has(sha256));
    const createdBy = `import/${newId(clock())}`;
    let parent = planned;
    for (let tries = 0; tries < ATTEMPTS; tries += 1) {
      const manifest = await assemble(source, parent, draft, uploaded, archive, createdBy);
      if (await chain.append(manifest)) return manifest;
      const head = await chain.head();
      // Our own write whose answer was lost on the way.
      if (head?.createdBy === createdBy) return head;
      // Corrections were taken meanwhile: the images are still new, only the place in the chain is another one.
      if (head === null || head.kind === 'import' || !sameBase(head, parent)) return null;
      parent = head;
    }
    return null;
  }

  async function assemble(
    source: ImportSource,
    parent: Manifest | null,
    { base, labels, replacesBase, spool, refused }: Draft,
    uploaded: PartRef[],
    archive: Sha256 | null,
    createdBy: string,
  ): Promise<Manifest> {
    const rulings =
      parent === null || parent.cursor === null
        ? new Map<never, never>()
        : await rulingsUpTo(chain, parent.id);
    const counts =
      parent === null || replacesBase ? emptyCounts(labels) : inheritedCounts(parent.counts, labels);
    if (replacesBase && parent !== null) {
      // Nothing of the old base counts any more; what people corrected does.
      for (const ruling of rulings.values()) {
        const label = trainedLabel(ruling, undefined, labels);
        if (label !== null) addCount(counts, 'train', label, 1);
      }
    }
    for (const row of spool.rows) {
      if (refused.has(row.sha256)) continue;
      const ruling = rulings.get(row.sha256);
      const asBase = { label: row.label, split: row.split, name: row.name ?? row.sha256 };
      const before = trainedLabel(ruling, base.get(row.sha256), labels);
      if (before !== null) addCount(counts, 'train', before, -1);
      const after = isHeldOut(asBase) ? row.label : trainedLabel(ruling, asBase, labels);
      if (after !== null) addCount(counts, isHeldOut(asBase) ? row.split : 'train', after, 1);
    }
    const content = {
      labels: [...labels],
      synthetic: source.synthetic,
      parts: uploaded,
      replacesBase,
      rulings: [],
    };
    return {
      ...content,
      id: snapshotId(parent === null ? 1 : Number(parent.id) + 1),
      parent: parent?.id ?? null,
      kind: 'import',
      digest: manifestDigest(parent?.digest ?? null, content),
      createdAt: new Date(clock()).toISOString(),
      createdBy,
      corrections: [],
      reviews: [],
      counts,
      cursor: parent?.cursor ?? null,
      source: { name: source.name, archive },
      quarantined: [],
      baseParts: parent === null || replacesBase ? uploaded : [...parent.baseParts, ...uploaded],
      recent: parent?.recent ?? [],
    };
  }

  async function keepArchive(path: string): Promise<Sha256> {
    const digest = await digestOfFile(path);
    try {
      await objects.putFile(archiveKey(digest), path, { ifAbsent: true, contentType: 'application/zip' });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
    }
    return digest;
  }

  return {
    async run(source, onProgress) {
      const startedAt = clock();
      for (let tries = 0; tries < ATTEMPTS; tries += 1) {
        const report = await attempt(source, onProgress, startedAt);
        if (report !== null) return report;
      }
      throw new StorageError('SNAPSHOT_CONFLICT', 'Other imports were written all the time.');
    },
  };
}

function sameBase(one: Manifest, other: Manifest | null): boolean {
  const keys = (manifest: Manifest | null): string =>
    manifest?.baseParts.map(({ index }) => index).join() ?? '';
  return keys(one) === keys(other);
}

function classCounts(collected: Collected, refused: ReadonlySet<Sha256>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [sha256, { label }] of [...collected.added, ...collected.known]) {
    if (refused.has(sha256) && collected.added.has(sha256)) continue;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

function emptyImport(source: ImportSource, collected: Collected): StorageError {
  const [first] = collected.broken;
  const why =
    first === undefined ? '' : ` The first of ${collected.broken.length} unreadable files: ${first.message}`;
  return new StorageError(
    'IMPORT_EMPTY',
    `No readable image in a class folder was found in ${source.name}.${why}`,
  );
}

function throttled(total: number, onProgress: Progress): (done: number) => void {
  return (done) => {
    if (done % PROGRESS_EVERY === 0 || done === total) onProgress({ done, total, phase: 'read' });
  };
}
