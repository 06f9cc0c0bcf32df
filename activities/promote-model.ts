/** Fifth step: moves the alias, if it is still where the run believes it to be. */
import type { ActivityPorts } from './ports.js';
import type { PromoteInput, PromoteResult } from './types.js';

/** Makes the step. It fails with `ALIAS_MOVED` when someone else moved `prod`. */
export function createPromoteModel(ports: Pick<ActivityPorts, 'registry'>) {
  return async (input: PromoteInput): Promise<PromoteResult> => {
    await ports.registry.promote(input.version, input.expected, input.by, input.why, input.takeBack);
    const previous = await ports.registry.byAlias('previous');
    return { version: input.version, previous: previous?.version ?? null };
  };
}
