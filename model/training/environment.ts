/** The environment of the trainer process: TensorFlow reads these once, when its library is loaded. */

/**
 * Variables that the parent must add to the environment of the process that it forks. With the same number of
 * threads, the same data and the same seed, the weights are the same bit for bit; with another number the order of
 * some sums changes, and with it the last bits.
 */
export function trainerEnvironment(threads: number): Record<string, string> {
  const count = String(Math.max(1, Math.floor(threads)));
  return {
    TF_NUM_INTRAOP_THREADS: count,
    // Operations are called one after the other, so one thread between them is enough.
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: count,
    TF_ENABLE_ONEDNN_OPTS: '1',
    TF_DETERMINISTIC_OPS: '1',
    // Warnings and worse only.
    TF_CPP_MIN_LOG_LEVEL: '1',
  };
}
