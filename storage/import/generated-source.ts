/** Images drawn by a generator as the source of an import. */
import type { Labels } from '../../model/types.js';
import type { ImportEntry, ImportSource } from '../types.js';

/**
 * @param labels class order of the data set that the images make
 * @param generate yields the same images in the same order each time, as encoded files
 */
export function openGeneratedSource(
  name: string,
  labels: Labels,
  total: number,
  generate: () => Iterable<ImportEntry> | AsyncIterable<ImportEntry>,
): ImportSource {
  return {
    name,
    synthetic: true,
    labels,
    archivePath: null,
    total,
    async *entries() {
      yield* generate();
    },
  };
}
