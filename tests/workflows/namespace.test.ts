import { expect } from 'chai';
import { NativeConnection } from '@temporalio/worker';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { ensureNamespace } from '../../temporal/namespace.js';
import { startTemporal, type TestTemporal } from '../support/parts.js';
import { quiet } from './rig.js';

const DAY_MS = 86_400_000;

describe('the namespace', function () {
  this.timeout(90_000);
  let temporal: TestTemporal;
  let connection: NativeConnection;
  before(async () => {
    quiet();
    temporal = await startTemporal();
    connection = await NativeConnection.connect({ address: temporal.address });
  });
  after(async () => {
    await connection.close();
    await temporal.stop();
  });

  const retentionDays = async (namespace: string): Promise<number> => {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return (optionalTsToMs(config?.workflowExecutionRetentionTtl) ?? 0) / DAY_MS;
  };

  it('keeps histories for 90 days and knows the search attributes', async () => {
    const first = await ensureNamespace(connection, 'default');
    expect(first).to.deep.include({ created: false, retentionRaised: true });
    expect(first.searchAttributesAdded).to.include('MedloopVerdict');
    expect(await retentionDays('default')).to.equal(90);
  });

  it('is left alone the second time', async () => {
    expect(await ensureNamespace(connection, 'default')).to.deep.equal({
      created: false,
      retentionRaised: false,
      searchAttributesAdded: [],
    });
  });

  it('keeps a longer retention that someone chose', async () => {
    await connection.workflowService.updateNamespace({
      namespace: 'default',
      config: { workflowExecutionRetentionTtl: { seconds: (365 * DAY_MS) / 1000 } as never },
    });
    await ensureNamespace(connection, 'default');
    expect(await retentionDays('default')).to.equal(365);
  });

  it('is made where it does not exist, and is usable at once', async () => {
    expect(await ensureNamespace(connection, 'clinic')).to.deep.include({ created: true });
    expect(await retentionDays('clinic')).to.equal(90);
    await connection.workflowService.listWorkflowExecutions({ namespace: 'clinic', pageSize: 1 });
  });
});
