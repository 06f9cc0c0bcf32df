/** Plays the API's answers to the built page, so that every state and failure of the page can be brought about. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import express, { type Response } from 'express';
import multer from 'multer';
import type {
  CorrectionView,
  CorrectionWithFate,
  Info,
  ModelsView,
  PredictionItem,
  Problem,
  RunView,
  ScheduleView,
  Serving,
} from '../../../api/schema.js';
import { projectRoot } from '../../../config/paths.js';

export const LABELS = ['AbdomenCT', 'BreastMRI', 'CXR', 'ChestCT', 'Hand', 'HeadCT'];
const STEP_NAMES = ['snapshot', 'train', 'evaluate', 'register', 'promote', 'verify'];

/** The policy that the API sends; the page must live with it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; " +
  "connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export interface ReceivedCorrection {
  readonly fileName: string;
  readonly sha256: string;
  readonly fields: Readonly<Record<string, string>>;
}

export function problem(status: number, code: string, detail: string): Problem {
  return { type: `urn:medloop:${code}`, title: code, status, detail, code };
}

function serving(version: string, synthetic = false): Serving {
  return { version, since: new Date(Date.now() - 3_600_000).toISOString(), labels: LABELS, synthetic };
}

/** A run in its `at`-th step; further fields as given. */
export function runAt(id: string, at: number, more: Partial<RunView> = {}): RunView {
  const started = new Date(Date.now() - 60_000).toISOString();
  return {
    id,
    trigger: 'manual',
    mode: 'warm',
    requestedBy: 'Ada',
    state: 'running',
    startedAt: started,
    endedAt: null,
    steps: STEP_NAMES.map((name, index) => ({
      name,
      state: index < at ? 'succeeded' : index === at ? 'running' : 'pending',
      attempt: index <= at ? 1 : 0,
      startedAt: index <= at ? started : null,
      endedAt: index < at ? new Date(Date.parse(started) + 4_000).toISOString() : null,
    })),
    progress: null,
    outcome: null,
    failure: null,
    temporalUrl: 'http://127.0.0.1:8233/run',
    ...more,
  };
}

export function endedRun(id: string, outcome: NonNullable<RunView['outcome']>): RunView {
  return runAt(id, STEP_NAMES.length, { state: 'succeeded', endedAt: new Date().toISOString(), outcome });
}

/** A likely answer: 91 % for the label, the rest shared. */
export function answer(
  name: string,
  label: string,
  version: string,
  more: Partial<Extract<PredictionItem, { label: string }>> = {},
): PredictionItem {
  const rest = [0.052, 0.021, 0.011, 0.0055, 0.0005];
  const others = LABELS.filter((other) => other !== label).map(
    (other, index) => [other, rest[index] ?? 0] as const,
  );
  return {
    image: { name, sha256: createHash('sha256').update(name).digest('hex'), width: 200, height: 200 },
    label,
    confidence: 0.91,
    probabilities: Object.fromEntries([[label, 0.91] as const, ...others]),
    unfamiliar: false,
    unfamiliarity: 0.2,
    model: { name: 'medical-mnist', version },
    ...more,
  };
}

export class FakeApi {
  info: Info;
  models: ModelsView;
  schedule: ScheduleView;
  runs: RunView[] = [];
  corrections: CorrectionWithFate[] = [];
  /** What each predicted file is answered with, by its name. */
  predict: (name: string) => PredictionItem;
  /** Where set, this is answered instead. */
  predictionProblem: Problem | null = null;
  correctionProblem: Problem | null = null;
  startProblem: Problem | null = null;
  listProblem: Problem | null = null;
  startedRun: () => RunView = () => runAt('run-2', 0);
  /** False: the event stream answers 503, so that the page must poll. */
  streams = true;
  readonly received: ReceivedCorrection[] = [];
  readonly predicted: string[][] = [];
  readonly startedModes: string[] = [];
  readonly rolledBack: unknown[] = [];
  readonly #watchers = new Map<string, Set<Response>>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;
  #picture: Buffer | null = null;

  constructor(version: string | null, options: { synthetic?: boolean; picture?: Buffer } = {}) {
    const now = version === null ? null : serving(version, options.synthetic);
    this.#picture = options.picture ?? null;
    this.info = {
      name: 'medloop',
      version: '0.1.0',
      labels: LABELS,
      synthetic: options.synthetic ?? false,
      temporalUiUrl: 'http://127.0.0.1:8233',
      mlflowUrl: 'http://127.0.0.1:5000',
      serving: now,
      limits: { fileBytes: 20_000_000, files: 32, pixels: 25_000_000, requestBytes: 100_000_000 },
    };
    this.models = { models: [], serving: now };
    this.schedule = {
      cron: '0 3 * * 1',
      timezone: 'UTC',
      paused: false,
      note: null,
      nextTimes: [new Date(Date.now() + 6.2 * 86_400_000).toISOString()],
      lastRunAt: null,
    };
    this.predict = (name) => answer(name, 'Hand', this.info.serving?.version ?? '1');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Another version serves from now on. */
  serve(version: string): void {
    this.info = { ...this.info, serving: serving(version, this.info.synthetic) };
    this.models = { ...this.models, serving: this.info.serving };
  }

  /** The run becomes this, and whoever watches it is told. */
  push(run: RunView): void {
    this.runs = [run, ...this.runs.filter((other) => other.id !== run.id)];
    for (const watcher of this.#watchers.get(run.id) ?? []) watcher.write(`data: ${JSON.stringify(run)}\n\n`);
  }

  watchers(id: string): number {
    return this.#watchers.get(id)?.size ?? 0;
  }

  async start(): Promise<void> {
    const server = this.#app().listen(this.#port, '127.0.0.1');
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As if the process had died; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #app() {
    const app = express();
    const upload = multer();
    const refuse = (res: Response, what: Problem) =>
      res.status(what.status).type('application/problem+json').json(what);
    const missing = problem(404, 'RUN_NOT_FOUND', 'There is no run with this id.');
    app.use((_req, res, next) => {
      res.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
      next();
    });
    app.get('/api/v1/info', (_req, res) => res.json(this.info));
    app.get('/api/v1/models', (_req, res) =>
      this.listProblem === null ? res.json(this.models) : refuse(res, this.listProblem),
    );
    app.get('/api/v1/schedule', (_req, res) => res.json(this.schedule));
    app.post('/api/v1/models/rollback', express.json(), (req, res) => {
      this.rolledBack.push(req.body);
      const previous = this.models.models.find((model) => model.aliases.includes('previous'));
      this.serve(previous?.version ?? '1');
      res.json({ version: previous?.version ?? '1', previous: null, verified: true, details: [] });
    });
    app.get('/api/v1/runs', (_req, res) => res.json({ runs: this.runs.slice(0, 1), nextCursor: null }));
    app.post('/api/v1/runs', express.json(), (req, res) => {
      if (this.startProblem !== null) return refuse(res, this.startProblem);
      this.startedModes.push((req.body as { mode: string }).mode);
      const run = this.startedRun();
      this.push(run);
      return res.status(202).json({ id: run.id });
    });
    app.get('/api/v1/runs/:id', (req, res) => {
      const run = this.runs.find((one) => one.id === req.params.id);
      return run === undefined ? refuse(res, missing) : res.json(run);
    });
    app.get('/api/v1/runs/:id/events', (req, res) => {
      const run = this.runs.find((one) => one.id === req.params.id);
      if (run === undefined || !this.streams) return refuse(res, missing);
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      res.write(`data: ${JSON.stringify(run)}\n\n`);
      const watchers = this.#watchers.get(run.id) ?? new Set();
      this.#watchers.set(run.id, watchers.add(res));
      res.once('close', () => watchers.delete(res));
      return res;
    });
    app.post('/api/v1/predictions', upload.array('image'), (req, res) => {
      const names = (req.files as Express.Multer.File[]).map((file) => file.originalname);
      this.predicted.push(names);
      if (this.predictionProblem !== null) return refuse(res, this.predictionProblem);
      return res.json({ predictions: names.map((name) => this.predict(name)) });
    });
    app.post('/api/v1/corrections', upload.single('image'), (req, res) => {
      if (this.correctionProblem !== null) return refuse(res, this.correctionProblem);
      const view = this.#accept(req.file!, req.body as Record<string, string>);
      const { id, image, label, status, submittedAt } = view;
      return res.status(201).json({ id, image, label, status, submittedAt });
    });
    app.get('/api/v1/corrections', (req, res) => {
      if (this.listProblem !== null) return refuse(res, this.listProblem);
      const from = Number(req.query.cursor ?? 0);
      const to = from + Number(req.query.limit);
      const nextCursor = to < this.corrections.length ? String(to) : null;
      return res.json({ corrections: this.corrections.slice(from, to), nextCursor });
    });
    app.get('/api/v1/corrections/:id', (req, res) =>
      res.json(this.corrections.find((one) => one.id === req.params.id)),
    );
    app.get('/api/v1/corrections/:id/image', (_req, res) =>
      this.#picture === null ? res.status(404).end() : res.type('png').send(this.#picture),
    );
    const folder = join(projectRoot(), 'dist', 'web');
    app.use(express.static(folder));
    app.get(/^\/[a-z]*$/, (_req, res) => {
      res.sendFile(join(folder, 'index.html'));
    });
    return app;
  }

  #accept(file: Express.Multer.File, fields: Record<string, string>): CorrectionView {
    const sha256 = createHash('sha256').update(file.buffer).digest('hex');
    this.received.push({ fileName: file.originalname, sha256, fields: { ...fields } });
    const correction: CorrectionWithFate = {
      id: `01K${String(this.received.length).padStart(23, '0')}`,
      image: { sha256 },
      label: fields.label ?? '',
      status: 'accepted',
      submittedAt: new Date().toISOString(),
      author: fields.author ?? 'anonymous',
      predicted: { label: fields.predictedLabel ?? '', modelVersion: fields.modelVersion ?? null },
      comment: fields.comment ?? null,
      superseded: false,
      golden: false,
      review: null,
      fate: { snapshot: null, learnedIn: null, answersNow: null, unknown: [] },
    };
    this.corrections.unshift(correction);
    return correction;
  }
}
