/** From the files of a version to a model that may answer: loaded, its classes compared, its examples recomputed. */
import { z } from 'zod';
import { ModelError } from '../../model/errors.js';
import { checkGoldenExamples, loadOnnxModel } from '../../model/inference.js';
import { assertSameLabels } from '../../model/labels.js';
import type { ServedManifest, ServingFolder } from './files.js';
import type { ServedModel } from './slot.js';

const goldenSchema = z.object({
  labels: z.array(z.string()),
  examples: z.array(z.object({ pixels: z.string(), probabilities: z.array(z.number()) })),
});

export type LoadModel = (folder: ServingFolder, manifest: ServedManifest) => Promise<ServedModel>;

/**
 * @param threads for one call of the model; requests run side by side
 * @throws ModelError `MODEL_UNREADABLE`, `MODEL_LABELS_DIFFER`, `MODEL_CHECK_FAILED`
 */
export function modelLoader(threads: number): LoadModel {
  return async (folder, manifest) => {
    const { version, labels, synthetic } = manifest;
    const text = Buffer.from(await folder.read(version, 'golden-examples.json')).toString('utf8');
    let golden: z.output<typeof goldenSchema>;
    try {
      golden = goldenSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw new ModelError('MODEL_UNREADABLE', 'The golden examples cannot be read.', { cause });
    }
    const model = await loadOnnxModel(await folder.read(version, 'model.onnx'), { threads });
    try {
      assertSameLabels(model.labels, labels);
      await checkGoldenExamples(model, golden);
    } catch (error) {
      await model.close();
      throw error;
    }
    return {
      version,
      labels,
      synthetic,
      predict: (pixels, count) => model.predict(pixels, count),
      close: () => model.close(),
    };
  };
}
