/** The transport to MLflow against a small server that misbehaves in the ways that MLflow and proxies do. */
import { expect } from 'chai';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import {
  createMlflowHttp,
  MlflowError,
  type MlflowHttpOptions,
} from '../../../storage/registry/mlflow-http.js';

describe('the transport to MLflow', () => {
  let server: Server;
  let url: string;
  let answer: (request: IncomingMessage, response: ServerResponse, count: number) => void;
  let count = 0;

  before(async () => {
    server = createServer((request, response) => {
      count += 1;
      answer(request, response, count);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  beforeEach(() => {
    count = 0;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const reply = (status: number, body: string) => (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status).end(body);
  };
  const call = (options: Partial<MlflowHttpOptions> = {}, repeatable = true) =>
    createMlflowHttp({ url, retryDelayMs: 1, ...options }).json(
      { method: 'POST', path: '/api/2.0/mlflow/x', json: { a: 1 }, repeatable },
      z.object({ ok: z.string() }),
    );
  const failure = async (promise: Promise<unknown>): Promise<MlflowError> => {
    try {
      await promise;
    } catch (error) {
      expect(error).to.be.instanceOf(MlflowError);
      return error as MlflowError;
    }
    throw new Error('it did not fail');
  };

  it('tries a repeatable request again after server errors and being told to slow down', async () => {
    answer = (request, response, nth) => {
      reply(nth === 1 ? 503 : nth === 2 ? 429 : 200, nth === 3 ? '{"ok":"yes"}' : 'busy')(request, response);
    };
    expect(await call()).to.deep.equal({ ok: 'yes' });
    expect(count).to.equal(3);
  });

  it('sends a request that may not be repeated only once', async () => {
    answer = reply(500, '{"error_code":"INTERNAL_ERROR","message":"no"}');
    const error = await failure(call({}, false));
    expect(error.code).to.equal('MLFLOW_UNREACHABLE');
    expect(count).to.equal(1);
  });

  it("keeps MLflow's own error code and message, and does not repeat what was refused", async () => {
    answer = reply(400, '{"error_code":"INVALID_PARAMETER_VALUE","message":"bad name"}');
    const error = await failure(call());
    expect(error).to.include({ code: 'MLFLOW_DENIED', status: 400, errorCode: 'INVALID_PARAMETER_VALUE' });
    expect(error.message).to.include('bad name');
    expect(count).to.equal(1);
  });

  it('reads refusals in plain text, such as that of the host check', async () => {
    answer = reply(403, 'Invalid Host header - possible DNS rebinding attack detected');
    const error = await failure(call());
    expect(error.code).to.equal('MLFLOW_DENIED');
    expect(error.message).to.include('Invalid Host header');
  });

  it('says that a page or a wrong answer is not from an MLflow server', async () => {
    answer = reply(404, '<!doctype html><title>404 Not Found</title><h1>Not Found</h1>');
    const unknownRoute = await failure(call());
    expect(unknownRoute.code).to.equal('MLFLOW_UNEXPECTED');
    expect(unknownRoute.message).to.not.include('<');
    answer = reply(200, '<html>hello</html>');
    expect((await failure(call())).code).to.equal('MLFLOW_UNEXPECTED');
    answer = reply(200, '{"ok":5}');
    expect((await failure(call())).message).to.include('ok');
  });

  it('gives up on a server that accepts and never answers', async () => {
    answer = () => undefined;
    const error = await failure(call({ timeoutMs: 50, retries: 1 }));
    expect(error.code).to.equal('MLFLOW_UNREACHABLE');
    expect(error.message).to.include('no answer in time');
    expect(count).to.equal(2);
  });

  it('names the reason when nobody listens', async () => {
    const nobody = createServer();
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const error = await failure(call({ url: `http://127.0.0.1:${String(port)}`, retries: 0 }));
    expect(error.message).to.include('ECONNREFUSED');
    const secret = await failure(call({ url: `http://ann:secret@127.0.0.1:${String(port)}`, retries: 0 }));
    expect(secret.message).to.not.include('secret');
  });

  it('shows its token, or else user name and password', async () => {
    const seen: (string | undefined)[] = [];
    answer = (request, response) => {
      seen.push(request.headers.authorization);
      reply(200, '{"ok":"yes"}')(request, response);
    };
    await call({ auth: { token: 't', username: 'u', password: 'p' } });
    await call({ auth: { username: 'u', password: 'p' } });
    await call({ auth: {} });
    await call({ url: url.replace('http://', 'http://n%40me:p%2Fw@') + '/' });
    expect(seen).to.deep.equal([
      'Bearer t',
      `Basic ${Buffer.from('u:p').toString('base64')}`,
      undefined,
      `Basic ${Buffer.from('n@me:p/w').toString('base64')}`,
    ]);
  });
});
