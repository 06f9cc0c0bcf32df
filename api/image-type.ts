/** The content type of an image by its first bytes: what a client claims is never stored or sent on. */

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** For bytes that the service could decode, so that they are one or the other. */
export function imageTypeOf(bytes: Uint8Array): 'image/png' | 'image/jpeg' {
  return PNG_SIGNATURE.every((value, index) => bytes[index] === value) ? 'image/png' : 'image/jpeg';
}
