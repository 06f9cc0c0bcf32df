/** The trainer's figures: the defaults of a run, and the constants of the method. */

/** What a run does unless its input says otherwise. */
export const TRAINING_DEFAULTS = {
  warm: { epochs: 8, batchSize: 128, learningRate: 1e-3 },
  full: { epochs: 4, batchSize: 128, learningRate: 8e-3 },
} as const;

/** A full training does at least this many steps: small data sets are gone through more often in each epoch. */
export const MINIMUM_FULL_STEPS = 600;

/** Share of the targets that is spread over all classes (Szegedy et al. 2016). */
export const LABEL_SMOOTHING = 0.05;

/** AdamW (Loshchilov and Hutter 2019). The decay is per step, times the learning rate, on weights only. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.05 } as const;

/** One-cycle rate (Smith and Topin 2018): up from peak / 25 over the first share of steps, then down to nearly zero. */
export const ONE_CYCLE = { riseShare: 0.3, startDivisor: 25, endDivisor: 10_000 } as const;

/** How much of a moving statistic stays from step to step, once enough steps were seen. */
export const STATISTICS_MOMENTUM = 0.95;

/** What a warm epoch is made of. */
export const WARM_EPOCH = {
  /** Images in an epoch, unless there are so many fresh corrections that they alone need more. */
  images: 2048,
  /** Share of an epoch that the fresh corrections fill … */
  freshShare: 0.3,
  /** … but none of them more often than this in one epoch. */
  freshRepeats: 16,
  /** Share of an epoch for corrections of earlier weeks, likewise limited. */
  earlierShare: 0.25,
  earlierRepeats: 4,
} as const;

/** Shares of the way from the champion to the trained weights that are tried, the whole way first. */
export const WARM_MIXES = [1, 0.85, 0.7, 0.55, 0.4] as const;

/** At most this many validation images are looked at after each epoch, evenly spread. */
export const VALIDATION_LIMIT = 6000;

/** Changes that leave the class what it is. Ranges are symmetric about "no change", drawn uniformly for each image. */
export const AUGMENTATION = {
  /** Every image is moved by whole pixels. */
  shiftPixels: 6,
  /** Share of images that are mirrored left to right. */
  mirrorShare: 0.5,
  /** Share of images that are turned and zoomed too; the others stay as sharp as they are. */
  turnShare: 0.7,
  rotationDegrees: 25,
  /** Factor between 1 / (1 + zoom) and 1 + zoom. */
  zoom: 0.3,
  /**
   * Share of images whose tones are changed. Small, because the grey of the background is the only thing that tells
   * some chest slices of abdominal scans from chest scans.
   */
  toneShare: 0.25,
  /** Factor of the contrast about mid-grey, between 1 - contrast and 1 + contrast. */
  contrast: 0.2,
  /** Added, as a share of white. */
  brightness: 0.1,
} as const;
