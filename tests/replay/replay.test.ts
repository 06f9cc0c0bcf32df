import { expect } from 'chai';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Worker } from '@temporalio/worker';
import { projectRoot } from '../../config/paths.js';
import { workflowBundle, type WorkflowBundle } from '../../temporal/bundle.js';
import { quiet } from '../workflows/rig.js';

const folder = join(projectRoot(), 'tests', 'replay', 'histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

interface RecordedEvent {
  readonly eventType: string;
  readonly activityTaskScheduledEventAttributes?: { readonly activityType: { name: string } };
}

describe('replay of recorded histories', function () {
  this.timeout(60_000);
  const cache = mkdtempSync(join(tmpdir(), 'medloop-test-replay-'));
  let bundle: WorkflowBundle;
  before(async () => {
    quiet();
    bundle = await workflowBundle(cache, new DefaultLogger('ERROR'));
  });
  after(() => {
    rmSync(cache, { recursive: true, force: true });
  });

  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));

  for (const name of files) {
    it(`today's workflows go through ${name} as they did`, async () => {
      await Worker.runReplayHistory({ workflowBundle: { code: bundle.code } }, read(name), name);
    });
  }

  it('has the cases that matter', () => {
    expect(files).to.include.members(
      ['happy', 'refused', 'nothing-new', 'resumed', 'cancelled', 'rolled-back'].map(
        (name) => `retrain-${name}.json`,
      ),
    );
  });

  it('notices a workflow that would have done something else', async () => {
    const history = read('retrain-happy.json') as { events: RecordedEvent[] };
    const first = history.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
    first!.activityTaskScheduledEventAttributes!.activityType.name = 'somethingElse';
    const refusal: unknown = await Worker.runReplayHistory(
      { workflowBundle: { code: bundle.code } },
      history,
      'changed',
    ).catch((error: unknown) => error);
    expect(refusal).to.be.an('error').with.property('name', 'DeterminismViolationError');
  });

  // Fails with "type must be a Type" when npm installs protobufjs more than once.
  it('reads and writes a history as JSON', () => {
    const history = read('retrain-happy.json') as { events: RecordedEvent[] };
    const again = JSON.parse(historyToJSON(historyFromJSON(history))) as { events: RecordedEvent[] };
    expect(again.events.map((event) => event.eventType)).to.deep.equal(
      history.events.map((event) => event.eventType),
    );
  });
});
