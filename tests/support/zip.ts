/** Single images out of a zip with one folder for each class. */
import yauzl from 'yauzl';

export interface ZipImage {
  readonly name: string;
  readonly label: string;
  readonly bytes: Buffer;
}

/**
 * Reads the first images of each class that `wanted` accepts.
 * @param perClass how many of each class
 */
export async function imagesFromZip(
  path: string,
  perClass: number,
  wanted: (bytes: Buffer) => boolean = () => true,
): Promise<ZipImage[]> {
  const zip = await yauzl.openPromise(path);
  const found: ZipImage[] = [];
  const counts = new Map<string, number>();
  try {
    for await (const entry of zip.eachEntry()) {
      const [name = '', label = ''] = entry.fileName.split('/').reverse();
      if (!/\.(jpe?g|png)$/i.test(name) || (counts.get(label) ?? 0) >= perClass) continue;
      const stream = await zip.openReadStreamPromise(entry);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      if (!wanted(bytes)) continue;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      found.push({ name, label, bytes });
    }
  } finally {
    zip.close();
  }
  return found;
}
