/** The layout of an import: one folder for each class, perhaps below common top folders. Pure functions over names. */
import { StorageError } from '../errors.js';
import { NONE_LABEL } from '../types.js';

/** Files of these kinds come along with archives of images and are passed over. */
const NO_IMAGE =
  /\.(txt|md|rst|csv|tsv|json|jsonl|xml|ya?ml|html?|pdf|docx?|xlsx?|ini|db|lnk|url|py|ipynb|zip|gz|tar|npz|npy|h5|pkl)$/i;
const NO_IMAGE_NAME = /^(readme|licen[cs]e|copying|notice|authors|changelog|checksums?|sha256sums?)$/i;
const LONGEST_LABEL = 100;
const LONGEST_NAME = 1024;

/**
 * @throws StorageError `IMPORT_UNSAFE_NAME` for a name that points outside of the archive, or that no file can have
 */
export function assertSafeName(name: string): void {
  const problem = unsafe(name);
  if (problem !== null) {
    throw new StorageError('IMPORT_UNSAFE_NAME', `The archive holds the name ${shown(name)}, ${problem}.`);
  }
}

function unsafe(name: string): string | null {
  if (name === '' || name.length > LONGEST_NAME) return 'which is empty or too long';
  if (name.includes('\\')) return 'which has a backslash';
  if (/^[A-Za-z]:/.test(name) || name.startsWith('/')) return 'which is an absolute path';
  const segments = name.replace(/\/$/, '').split('/');
  if (segments.includes('..')) return 'which leads out of the archive';
  if (segments.some((segment) => segment === '' || segment === '.')) return 'which has an empty folder name';
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\ufffd]/.test(name)) return 'which has characters that no name should have';
  return null;
}

/** A name as it may stand in a message. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

/** True for what operating systems and people put beside the images. */
export function isIgnored(name: string): boolean {
  const segments = name.split('/');
  const file = segments.at(-1) ?? '';
  if (segments.some((segment) => segment === '__MACOSX' || segment.startsWith('.'))) return true;
  return NO_IMAGE.test(file) || NO_IMAGE_NAME.test(file);
}

/** Finds the common top folders of many names while they are read one by one. */
export class TopFolders {
  #common: string[] | null = null;

  /** @param name of a file that is not ignored */
  add(name: string): void {
    const folders = name.split('/').slice(0, -1);
    // A file beside the class folders belongs to no class and says nothing about the layout.
    if (folders.length === 0) return;
    // The last folder of a file is its class folder or below it, never a common top.
    const tops = folders.slice(0, -1);
    if (this.#common === null) {
      this.#common = tops;
      return;
    }
    let shared = 0;
    while (shared < tops.length && tops[shared] === this.#common[shared]) shared += 1;
    this.#common = this.#common.slice(0, shared);
  }

  get depth(): number {
    return this.#common?.length ?? 0;
  }
}

/** Class folder of a file; null when it lies in none. */
export function classOf(name: string, topFolders: number): string | null {
  const folders = name.split('/').slice(0, -1);
  return folders[topFolders] ?? null;
}

/** @throws StorageError `IMPORT_RESERVED_CLASS` */
export function assertClassName(label: string): void {
  if (label === NONE_LABEL || label.length > LONGEST_LABEL || label.trim() !== label) {
    const why =
      label === NONE_LABEL
        ? 'which stands for images that show none of the classes'
        : 'which is too long or starts or ends with a space';
    throw new StorageError('IMPORT_RESERVED_CLASS', `A class folder is named ${shown(label)}, ${why}.`);
  }
}
