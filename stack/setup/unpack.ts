/** Streams chosen files out of a zip archive. */
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { open, type Entry, type ZipFile } from 'yauzl';

/**
 * Unpacks every file for which `placeOf` names a path.
 * @param onProgress is told the share of the archive's entries that has been passed, by compressed size
 */
export async function unpack(
  archive: string,
  placeOf: (name: string) => string | null,
  onProgress: (fraction: number) => void,
): Promise<void> {
  const zip = await openZip(archive);
  try {
    await new Promise<void>((resolve, reject) => {
      let passedBytes = 0;
      const next = async (entry: Entry): Promise<void> => {
        const place = entry.fileName.endsWith('/') ? null : placeOf(entry.fileName);
        if (place !== null) {
          mkdirSync(dirname(place), { recursive: true });
          await pipeline(await openEntry(zip, entry), createWriteStream(place));
        }
        passedBytes += entry.compressedSize;
        onProgress(Math.min(1, passedBytes / zip.fileSize));
        zip.readEntry();
      };
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: Entry) => {
        next(entry).catch(reject);
      });
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}

async function openZip(archive: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(archive, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(error);
    });
  });
}

async function openEntry(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error === null) resolve(stream);
      else reject(error);
    });
  });
}
