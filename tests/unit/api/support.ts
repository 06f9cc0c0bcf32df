/** The application under test on a real port: real decoding, real ONNX models, and parts that can be switched off. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { createApp } from '../../../api/app.js';
import { CATALOGUE, type ErrorCode } from '../../../api/errors.js';
import { createMetrics } from '../../../api/metrics.js';
import { COMMON_ERRORS } from '../../../api/operation-errors.js';
import { OPERATIONS, type Operation, type OperationId } from '../../../api/operations.js';
import { createApiServer } from '../../../api/http/server.js';
import type { AppPorts, AppSettings } from '../../../api/ports.js';
import { problemSchema, type Problem } from '../../../api/schema.js';
import { openServingFolder } from '../../../api/serving/files.js';
import { modelLoader } from '../../../api/serving/load.js';
import { createPredictor } from '../../../api/serving/predictor.js';
import { createSlot } from '../../../api/serving/slot.js';
import { createLogger } from '../../../config/log.js';
import { loadOnnxModel } from '../../../model/inference.js';
import { exportOnnx } from '../../../model/onnx.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { IMAGE_PIXELS } from '../../../model/types.js';
import { randomPixels, smallNetwork } from '../model/small-network.js';
import { fakeCorrections, fakeRegistry, fakeSnapshots, version } from './fakes.js';
import { fakeTemporal } from './fake-temporal.js';

export const LABELS = ['AbdomenCT', 'BreastMRI', 'CXR', 'ChestCT', 'Hand', 'HeadCT'] as const;
export const log = createLogger('test', 'silent');

/** A greyscale picture that differs by seed. */
export async function picture(seed: number, format: 'jpeg' | 'png' = 'jpeg', side = 64): Promise<Buffer> {
  const pixels = Buffer.alloc(side * side);
  const small = randomPixels(1, seed);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = small[index % IMAGE_PIXELS] ?? 0;
  const image = sharp(pixels, { raw: { width: side, height: side, channels: 1 } });
  return format === 'jpeg' ? image.jpeg().toBuffer() : image.png().toBuffer();
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes the files of a model version as training leaves them. `lie` makes its golden examples wrong. */
export async function writeModel(
  folder: string,
  seed: number,
  options: { labels?: readonly string[]; lie?: boolean } = {},
): Promise<void> {
  const labels = options.labels ?? LABELS;
  const onnx = exportOnnx(smallNetwork(labels, seed));
  const pixels = randomPixels(2, 99);
  const model = await loadOnnxModel(onnx, { threads: 1 });
  const answers = await model.predict(pixels, 2);
  await model.close();
  const examples = [0, 1].map((index) => ({
    pixels: Buffer.from(pixels.subarray(index * IMAGE_PIXELS, (index + 1) * IMAGE_PIXELS)).toString('base64'),
    probabilities: labels.map(
      (_label, column) => (answers[index * labels.length + column] ?? 0) + (options.lie ? 0.1 : 0),
    ),
  }));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), onnx);
  await writeFile(join(folder, 'golden-examples.json'), JSON.stringify({ labels, examples }));
}

export interface TestApp {
  readonly url: string;
  readonly folder: string;
  readonly server: Server;
  readonly ports: AppPorts;
  readonly corrections: ReturnType<typeof fakeCorrections>;
  readonly snapshots: ReturnType<typeof fakeSnapshots>;
  readonly registry: ReturnType<typeof fakeRegistry>;
  readonly temporal: ReturnType<typeof fakeTemporal>;
  /** Writes, loads and swaps in a version. */
  serve(name: string, seed: number): Promise<void>;
  /** Sends a request and checks the answer against the table of operations. */
  call(id: OperationId, path: string, init?: RequestInit): Promise<Answer>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or the text. */
  readonly body: unknown;
  readonly problem: Problem | null;
}

export interface TestAppOptions {
  readonly settings?: Partial<AppSettings>;
  readonly ports?: Partial<AppPorts>;
  readonly maxWaiting?: number;
}

/** Starts the application; without a model until `serve` is called. */
export async function startApp(options: TestAppOptions = {}): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'medloop-api-'));
  const metrics = createMetrics();
  const slot = createSlot((error) => {
    throw error;
  });
  const limits = {
    fileBytes: 200_000,
    pixels: 1_000_000,
    files: 32,
    requestBytes: 1_000_000,
    heldBytes: 4_000_000,
    ...options.settings?.limits,
  };
  const preprocessor = createPreprocessor({ maxBytes: limits.fileBytes, maxPixels: limits.pixels });
  const decode = (bytes: Uint8Array) => preprocessor.toModelInput(bytes);
  const [corrections, snapshots, registry, temporal] = [
    fakeCorrections(),
    fakeSnapshots(LABELS),
    fakeRegistry(),
    fakeTemporal(),
  ];
  const ports: AppPorts = {
    log,
    metrics,
    decode,
    slot,
    predictor: createPredictor(slot, options.ports?.decode ?? decode, metrics, {
      modelName: 'medical-mnist',
      maxBatch: 32,
      maxWaiting: options.maxWaiting ?? 256,
    }),
    watcher: { state: () => ({ refused: null }) },
    corrections: corrections.store,
    snapshots: snapshots.store,
    registry: registry.registry,
    temporal: temporal.client,
    objects: { ping: () => corrections.ping() },
    stopping: new AbortController().signal,
    imports: { run: () => Promise.reject(new Error('no import in this test')) },
    ...options.ports,
    settings: {
      version: '0.0.0',
      hosts: ['127.0.0.1'],
      deadlineMs: 1_000,
      promotionDeadlineMs: 1_000,
      temporalUiUrl: 'http://127.0.0.1:8233',
      temporalNamespace: 'default',
      mlflowUrl: 'http://127.0.0.1:5000',
      webFolder: join(folder, 'web'),
      uploadFolder: join(folder, 'uploads'),
      archiveBytes: 100_000,
      eventsPollMs: 10,
      eventsHeartbeatMs: 20,
      ...options.settings,
      limits,
    },
  };
  const server = createApiServer(createApp(ports));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    folder,
    server,
    ports,
    corrections,
    snapshots,
    registry,
    temporal,
    async serve(name, seed) {
      const store = openServingFolder(join(folder, 'serving'));
      const about = { version: name, labels: [...LABELS], synthetic: true };
      const manifest =
        (await store.find(name)) ?? (await store.add(about, (target) => writeModel(target, seed)));
      slot.swap(await modelLoader(1)(store, manifest));
    },
    call: async (id, path, init) => {
      const response = await fetch(`${url}${path}`, init);
      return checkAnswer(id, response);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await slot.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Every operation that a checked answer was seen of. */
export const exercised = new Set<OperationId>();

/** Holds an answer against the table: a declared status with its schema, or a declared problem. */
export async function checkAnswer(id: OperationId, response: Response): Promise<Answer> {
  const operation: Operation = OPERATIONS[id];
  exercised.add(id);
  const { status, headers } = response;
  const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
  expect(headers.get('x-request-id')).to.match(/^[\w.-]{1,64}$/);
  if (type === 'application/problem+json') {
    const raw: unknown = await response.json();
    const problem = problemSchema.parse(raw);
    const code = problem.code as ErrorCode;
    expect([...COMMON_ERRORS, ...operation.errors], `${id} answers with ${code}`).to.include(code);
    expect(problem.status).to.equal(status);
    expect(CATALOGUE[code].status).to.equal(status);
    expect(problem.requestId).to.equal(headers.get('x-request-id'));
    expect(JSON.stringify(raw)).not.to.match(/node_modules|\/tmp\/| at .*\.js/);
    return { status, headers, body: raw, problem };
  }
  const declared = operation.responses[status];
  expect(declared, `${id} answers ${status}`).to.exist;
  if (status === 204) return { status, headers, body: null, problem: null };
  const schema = declared!.content[type];
  expect(schema, `${id} answers ${type}`).to.exist;
  if (type !== 'application/json') {
    const body = schema === 'binary' ? Buffer.from(await response.arrayBuffer()) : await response.text();
    return { status, headers, body, problem: null };
  }
  const body: unknown = await response.json();
  if (typeof schema === 'object') expect(schema.parse(body), `${id} keeps to its schema`).to.deep.equal(body);
  return { status, headers, body, problem: null };
}

/** A multipart body; `files` go into the field `image`. */
export function form(
  files: readonly { name: string; bytes: Uint8Array }[],
  fields: Readonly<Record<string, string>> = {},
): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  for (const { name, bytes } of files)
    data.append('image', new Blob([bytes as Uint8Array<ArrayBuffer>]), name);
  return data;
}

/** Sends headers as they are, which `fetch` would not. */
export function raw(
  app: TestApp,
  options: { method?: string; path: string; headers?: Record<string, string> },
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { port, hostname } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const sent = request({ port, hostname, agent: false, ...options }, (res) => {
      let body = '';
      res.on('data', (chunk: Buffer) => (body += chunk.toString()));
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

export { version };
