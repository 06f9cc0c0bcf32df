/** The folder of served models: `<version>/` with its files and `served.json`, and `current.json` that names one. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../../model/errors.js';

const MANIFEST = 'served.json';
const CURRENT = 'current.json';

const manifestSchema = z.object({
  version: z.string().regex(/^[1-9][0-9]*$/),
  labels: z.array(z.string()).min(2),
  synthetic: z.boolean(),
  /** Name below the folder to SHA-256. */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});
const currentSchema = z.object({ version: z.string().regex(/^[1-9][0-9]*$/) });

/** What is known about a version on this disk. */
export type ServedManifest = z.output<typeof manifestSchema>;

export interface ServingFolder {
  /** Version that was served last; null where none was or the note is damaged. */
  current(): Promise<string | null>;
  setCurrent(version: string): Promise<void>;
  /**
   * Manifest of a version whose files are all there and as they came; null otherwise, after clearing what is left.
   */
  find(version: string): Promise<ServedManifest | null>;
  /** Fetches a version into its folder, which appears only when complete. */
  add(
    about: Omit<ServedManifest, 'files'>,
    download: (folder: string) => Promise<void>,
  ): Promise<ServedManifest>;
  read(version: string, name: string): Promise<Uint8Array>;
  remove(version: string): Promise<void>;
  /** Removes every version but these, and what interrupted downloads left. */
  keepOnly(versions: readonly string[]): Promise<void>;
}

async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const found: string[] = [];
  for (const name of names.sort()) {
    if (name !== MANIFEST && (await stat(join(folder, name))).isFile()) found.push(name.split(sep).join('/'));
  }
  return found;
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** Written beside and renamed, synced before: after a power cut there is the old content or the new. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function readJson<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T> | null> {
  try {
    const result = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/** @param root folder of its own; made when first written to */
export function openServingFolder(root: string): ServingFolder {
  const folderOf = (version: string): string => {
    if (!/^[1-9][0-9]*$/.test(version)) throw new ModelError('MODEL_UNREADABLE', `Not a version: ${version}`);
    return join(root, version);
  };

  async function find(version: string): Promise<ServedManifest | null> {
    const folder = folderOf(version);
    const manifest = await readJson(join(folder, MANIFEST), manifestSchema);
    if (manifest?.version === version) {
      try {
        const names = await filesBelow(folder);
        const whole =
          names.length === Object.keys(manifest.files).length &&
          (await Promise.all(
            names.map(async (name) => (await digestOf(join(folder, name))) === manifest.files[name]),
          ));
        if (whole !== false && whole.every(Boolean)) return manifest;
      } catch {
        // Unreadable files are as good as damaged ones.
      }
    }
    await rm(folder, { recursive: true, force: true });
    return null;
  }

  return {
    find,
    current: async () => (await readJson(join(root, CURRENT), currentSchema))?.version ?? null,
    setCurrent: (version) => writeWhole(join(root, CURRENT), `${JSON.stringify({ version })}\n`),
    async add(about, download) {
      const folder = folderOf(about.version);
      const temporary = join(root, `.tmp-${about.version}-${randomUUID()}`);
      await mkdir(temporary, { recursive: true });
      try {
        await download(temporary);
        const files: Record<string, string> = {};
        for (const name of await filesBelow(temporary)) files[name] = await digestOf(join(temporary, name));
        const manifest: ServedManifest = { ...about, files };
        await writeWhole(join(temporary, MANIFEST), `${JSON.stringify(manifest)}\n`);
        await rm(folder, { recursive: true, force: true });
        await rename(temporary, folder);
        return manifest;
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    },
    async read(version, name) {
      try {
        return await readFile(join(folderOf(version), name));
      } catch (cause) {
        throw new ModelError('MODEL_UNREADABLE', `Version ${version} has no readable file ${name}.`, {
          cause,
        });
      }
    },
    remove: (version) => rm(folderOf(version), { recursive: true, force: true }),
    async keepOnly(versions) {
      const entries = await readdir(root).catch(() => []);
      for (const entry of entries) {
        const stale = /^[1-9][0-9]*$/.test(entry) ? !versions.includes(entry) : entry.startsWith('.tmp-');
        if (stale) await rm(join(root, entry), { recursive: true, force: true });
      }
    },
  };
}
