/** The model room's defaults of a run, for those who start runs. */
export { DEFAULT_GATE_POLICY } from '../model/gate.js';
export { TRAINING_DEFAULTS } from '../model/training/settings.js';
