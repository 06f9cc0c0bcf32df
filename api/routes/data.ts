/** `GET data`: the snapshots of the data set. */
import { withDeadline } from '../errors.js';
import { parse, type Mount } from '../http/router.js';
import type { AppPorts } from '../ports.js';
import { dataQuerySchema } from '../query-schema.js';
import type { DataView } from '../schema.js';
import type { Snapshot } from '../../storage/types.js';

function viewOf(snapshot: Snapshot): DataView['snapshots'][number] {
  const { id, kind, createdAt, digest, synthetic } = snapshot;
  return {
    id,
    kind,
    createdAt,
    digest,
    corrections: snapshot.corrections.length,
    counts: { ...snapshot.counts },
    synthetic,
    source: snapshot.source?.name ?? null,
  };
}

export function mountData(mount: Mount, ports: Pick<AppPorts, 'snapshots' | 'settings'>): void {
  mount('getData', async (req, res) => {
    const { limit } = parse(dataQuerySchema, req.query);
    const { deadlineMs } = ports.settings;
    const found = await withDeadline(ports.snapshots.list(limit), deadlineMs, 'S3');
    res.json({ snapshots: found.map(viewOf) });
  });
}
