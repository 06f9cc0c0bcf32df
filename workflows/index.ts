/** The workflows that a worker runs, and nothing else: every export here is registered as one. */
export { promotion } from './promotion.js';
export { retrain } from './retrain.js';
export { scheduledRetrain } from './scheduled-retrain.js';
