/** Names the preprocessing, so that a model can say which one it was trained with. */

/** Changes whenever any file could give other pixels than before. */
export const PREPROCESS_VERSION = '1';

/** What the preprocessing does, for people who feed the model from elsewhere. Stored with every model. */
export const PREPROCESS_DESCRIPTION =
  'Upright by EXIF orientation; transparency on black; colour to luma (ITU-R BT.601, as Pillow mode L); ' +
  'kept as it is when 64x64, otherwise fitted into 64x64 with Lanczos-3 keeping the aspect ratio, rest black; ' +
  'values 0 to 255 as float32, shape [N,64,64,1]. The division by 255 is inside the graph.';
