/** Whether every API serves the version, asked of real HTTP servers. */
import { activityEnvironment } from './environment.js';
import { CancelledFailure } from '@temporalio/common';
import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVerifyServing, probeServing } from '../../../activities/verify-serving.js';
import type { VerifyInput, VerifyResult } from '../../../activities/types.js';
import type { ModelVersion } from '../../../storage/types.js';

describe('verifying what the APIs serve', () => {
  const servers: Server[] = [];
  const open = async (answers: () => { status?: number; body: string } | null): Promise<string> => {
    const server = createServer((request, response) => {
      const answer = answers();
      // No answer at all: the connection stays open.
      if (answer === null) return;
      expect(request.url).to.equal('/api/v1/models');
      response.writeHead(answer.status ?? 200).end(answer.body);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };
  const serving = (version: string | null) => ({
    body: JSON.stringify({ models: [], serving: version === null ? null : { version, since: 'x' } }),
  });
  const verify = (urls: string[], timeoutMs: number): Promise<VerifyResult> =>
    activityEnvironment().run(
      createVerifyServing({ probe: probeServing, servingUrls: urls }),
      input(timeoutMs),
    );
  const input = (timeoutMs: number): VerifyInput => ({
    ...{ model: 'medical-mnist', version: '5' as ModelVersion, timeoutMs },
  });

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('waits until the last of them has swapped', async () => {
    let asked = 0;
    const quick = await open(() => serving('5'));
    const late = await open(() => serving((asked += 1) < 3 ? '4' : '5'));
    const result = await verify([quick, late], 20_000);
    expect(result.verified).to.equal(true);
    expect(result.details).to.deep.equal([`${quick} serves version 5.`, `${late} serves version 5.`]);
  });

  it('is not verified when one stays with the old version, serves none, errs, or cannot be reached', async () => {
    const gone = await open(() => serving('5'));
    servers[0]?.close();
    const urls = await Promise.all([
      open(() => serving('5')),
      open(() => serving('4')),
      open(() => serving(null)),
      open(() => ({ status: 503, body: 'busy' })),
      open(() => ({ body: '<html>' })),
      open(() => null),
    ]);
    const { verified, details } = await verify([...urls, gone], 800);
    expect(verified).to.equal(false);
    const patterns = [
      /serves version 5/,
      /did not serve version 5 within 1 s: it serves version 4/,
      /it serves no model/,
      /it answers with 503/,
      /did not serve version 5/,
      /it does not answer in time/,
      /ECONNREFUSED|other side closed|ECONNRESET/,
    ];
    for (const [index, pattern] of patterns.entries()) {
      expect(details[index], details.join('\n')).to.match(pattern);
    }
  });

  it('is not verified when there is nobody to ask', async () => {
    expect((await verify([], 100)).verified).to.equal(false);
  });

  it('ends at once when the run is cancelled', async () => {
    const url = await open(() => serving('4'));
    const environment = activityEnvironment();
    const running = environment.run(
      createVerifyServing({ probe: probeServing, servingUrls: [url] }),
      input(600_000),
    );
    setTimeout(() => {
      environment.cancel();
    }, 100);
    let thrown: unknown;
    await running.catch((error: unknown) => {
      thrown = error;
    });
    expect(thrown).to.be.instanceOf(CancelledFailure);
  });
});
