/** Where a training starts: from the champion, or from nothing. */
import type { DatasetFiles, TrainingSettings } from '../../model/types.js';
import type { ModelRegistry } from '../../storage/types.js';
import type { TrainInput } from '../types.js';

export interface StartingPoint {
  readonly settings: TrainingSettings;
  /** Folder that holds the champion's `tfjs/`; null trains from scratch. */
  readonly warmFrom: string | null;
  /** Why a warm training was asked for and is not done. */
  readonly note: string | null;
}

/**
 * Downloads the champion for a warm start. Without one, with other classes, or when one of the two is made of demo
 * phantoms and the other of real images, what the champion knows is of no use: the training is done in full.
 */
export async function startingPoint(
  registry: ModelRegistry,
  input: TrainInput,
  dataset: DatasetFiles,
  folder: string,
): Promise<StartingPoint> {
  const { settings, championVersion } = input;
  if (settings.mode === 'full') return { settings, warmFrom: null, note: null };
  const full = (note: string): StartingPoint => ({
    settings: { ...settings, mode: 'full' },
    warmFrom: null,
    note,
  });
  if (championVersion === null) return full('There is no version in service to start from.');
  const champion = await registry.get(championVersion);
  if (champion === null) return full(`Version ${championVersion} is not in the registry any more.`);
  if (JSON.stringify(champion.labels) !== JSON.stringify(dataset.labels)) {
    return full(`Version ${championVersion} has other classes than the data set.`);
  }
  if (champion.synthetic !== dataset.synthetic) {
    return full(
      `Version ${championVersion} was trained on the other kind of data (phantoms or real images).`,
    );
  }
  await registry.download(championVersion, folder);
  return { settings, warmFrom: folder, note: null };
}
