/** How unlike its training images an image looks to the model, as far as the probabilities tell. */

/** Above this score an answer is called `unfamiliar`. */
export const UNFAMILIAR_ABOVE = 0.5;

/**
 * Provisional score, 0 (one class has all the probability) to 1 (all classes are equally likely): the entropy of the
 * probabilities divided by its largest possible value. It is the uncertainty of the softmax (Hendrycks and Gimpel,
 * 2017, take the largest probability; entropy also sees how the rest is spread). It knows nothing of the image itself:
 * a strange image that the network is sure about is not found by it.
 */
export function unfamiliarity(probabilities: ArrayLike<number>): number {
  const classes = probabilities.length;
  if (classes < 2) return 0;
  let entropy = 0;
  for (let index = 0; index < classes; index += 1) {
    const p = probabilities[index] ?? 0;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return Math.min(1, Math.max(0, entropy / Math.log(classes)));
}
