/** First step: takes the new corrections into a snapshot and says whether there is anything to learn. */
import type { ActivityPorts } from './ports.js';
import { workflowRunId } from './attempt.js';
import type { SnapshotInput, SnapshotResult } from './types.js';

/** Makes the step. It fails with `DATA_MISSING` before any import. */
export function createSnapshotCorrections(ports: Pick<ActivityPorts, 'snapshots' | 'registry'>) {
  return async (input: SnapshotInput): Promise<SnapshotResult> => {
    const { snapshot, taken } = await ports.snapshots.takeCorrections(workflowRunId());
    const [champion, [latest]] = await Promise.all([ports.registry.byAlias('prod'), ports.registry.list(1)]);
    // A refused version has seen the data too: without anything new, warm training would only repeat it.
    const learned = latest?.snapshotDigest === snapshot.digest;
    return {
      snapshot: snapshot.id,
      digest: snapshot.digest,
      taken,
      championVersion: champion?.version ?? null,
      nothingNew: input.mode === 'warm' && taken === 0 && learned,
    };
  };
}
