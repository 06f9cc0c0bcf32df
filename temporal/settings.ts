/** What the room needs to know of the configuration. */
import { inheritedEnvironment, type Config } from '../config/env.js';

export interface TemporalSettings {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Variables from which TLS, API key and metadata are read (`TEMPORAL_*`, see `@temporalio/envconfig`). */
  readonly environment: Readonly<Record<string, string>>;
}

/** The settings of this process. */
export function temporalSettings(config: Config): TemporalSettings {
  const given = Object.entries(inheritedEnvironment()).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  return {
    address: config.temporalAddress,
    namespace: config.values.TEMPORAL_NAMESPACE,
    environment: Object.fromEntries(given),
  };
}
