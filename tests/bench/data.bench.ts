/** `npm run bench -- data`: importing the whole data set, twice, and laying it out for the trainer. */
import { join } from 'node:path';
import { openBench, printFigures } from './support.js';

const bench = await openBench();
try {
  const first = await bench.importAll();
  const second = await bench.importAll();
  const startedAt = performance.now();
  await bench.storage.snapshots.materialize(first.report.snapshot, join(bench.folder, 'dataset'));
  const layOutSeconds = (performance.now() - startedAt) / 1000;
  printFigures([
    ['images imported', String(first.report.added)],
    ['copies counted once', String(first.report.duplicates.length)],
    ['import', `${first.seconds.toFixed(1)} s`],
    [
      'the same import again',
      `${second.seconds.toFixed(1)} s, ${second.report.changed ? 'something changed' : 'nothing changed'}`,
    ],
    ['laying it out for the trainer', `${layOutSeconds.toFixed(1)} s`],
    ['largest memory of this process', `${Math.round(process.resourceUsage().maxRSS / 1024)} MB`],
  ]);
} finally {
  await bench.close();
}
