/** Small grey pictures that look a little like medical images: enlarged demo phantoms. */
import sharp from 'sharp';
import { drawPhantom } from '../../../model/phantoms.js';
import { IMAGE_SIDE } from '../../../model/types.js';

export type Drawing = 'HeadCT' | 'Hand' | 'CXR' | 'AbdomenCT';

/** PNG bytes, 200 × 200 pixels. The seed varies the drawing, and with it the digest. */
export async function picture(drawing: Drawing, seed = 1): Promise<Buffer> {
  return sharp(drawPhantom(drawing, seed), { raw: { width: IMAGE_SIDE, height: IMAGE_SIDE, channels: 1 } })
    .resize(200, 200)
    .png()
    .toBuffer();
}
