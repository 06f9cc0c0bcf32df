/** The whole loop as a user meets it: `npm start`, a real browser, the command line, and Python. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import sharp from 'sharp';
import type { CorrectionWithFate, ModelsView, Predictions, RunView, ScheduleView } from '../../api/schema.js';
import { projectRoot } from '../../config/paths.js';
import { sha256Of } from '../../model/labels.js';
import { phantomSet } from '../../model/phantoms.js';
import { sampleZipPath } from '../support/data.js';
import { toolPaths } from '../support/parts.js';
import { createStack, type TestStack } from '../support/stack.js';
import { imagesFromZip, type ZipImage } from '../support/zip.js';

const MINUTE_MS = 60_000;

async function onePhantomPerClass(): Promise<ZipImage[]> {
  const images: ZipImage[] = [];
  for await (const { name, label, png } of phantomSet(1, 999))
    images.push({ name: name.replace(/^.*\//, ''), label, bytes: Buffer.from(png) });
  return images;
}

/** Processes that were started for this home, found by their environment. */
function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`MEDLOOP_HOME=${home}`)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

async function noneLeft(home: string, patienceMs: number): Promise<string[]> {
  const deadline = Date.now() + patienceMs;
  let left = processesOf(home);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(250);
    left = processesOf(home);
  }
  return left;
}

describe('the whole loop', function () {
  this.timeout(20 * MINUTE_MS);
  // Each step of the story stands on the one before it.
  let broken: string | null = null;
  beforeEach(function () {
    if (broken === null) return;
    console.log(`      (not tried, since this failed before: ${broken})`);
    this.skip();
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') broken = this.currentTest.title;
  });

  const sample = sampleZipPath();
  let stack: TestStack;
  let browser: Browser | undefined;
  let page: Page;
  let folder: string;
  let images: ZipImage[];
  const pageErrors: string[] = [];

  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${stack.url}/api/v1/${path}`);
    expect(response.status, path).to.equal(200);
    return (await response.json()) as T;
  };
  const cardOf = (name: string): Locator =>
    page.getByRole('article', { name: new RegExp(name.replace(/[.]/g, '\\.')) });
  const upload = async (files: readonly { name: string; bytes: Buffer }[]): Promise<void> => {
    await page.getByLabel('Images').setInputFiles(
      files.map(({ name, bytes }) => ({
        name,
        mimeType: name.endsWith('png') ? 'image/png' : 'image/jpeg',
        buffer: bytes,
      })),
    );
  };

  before(async () => {
    const executablePath = toolPaths().chromium;
    if (executablePath === null) throw new Error('no browser was found; npm test installs one where it can');
    folder = await mkdtemp(join(tmpdir(), 'medloop-e2e-images-'));
    images = sample === null ? await onePhantomPerClass() : await imagesFromZip(sample, 1);
    stack = await createStack();
    browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
      ],
    });
  });

  after(async () => {
    await browser?.close();
    await stack.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it('npm start imports the data, trains version 1 and prints where everything is', async () => {
    await stack.start(sample === null ? [] : ['--data', sample]);
    expect(stack.output())
      .to.contain(stack.url)
      .and.to.contain(stack.temporalUiUrl)
      .and.to.contain(stack.mlflowUrl);
    const models = await get<ModelsView>('models');
    expect(models.serving?.version).to.equal('1');
    expect(models.models[0]?.aliases).to.include('prod');
  });

  it('the page classifies an image of each class rightly', async () => {
    page = await browser!.newPage();
    page.on('pageerror', (error) => pageErrors.push(error.message));
    await page.goto(stack.url);
    expect(images).to.have.length(6);
    const named = images.map((image) => ({ ...image, name: `${image.label}-${image.name}` }));
    await upload(named);
    for (const { name, label } of named) {
      await cardOf(name).getByTestId('predicted-label').waitFor({ timeout: MINUTE_MS });
      expect(await cardOf(name).getByTestId('predicted-label').innerText(), name).to.equal(label);
      expect(await cardOf(name).getByTestId('answered-by').innerText()).to.contain('version 1');
    }
  });

  it('corrections in the browser reach S3', async () => {
    const corrected: { name: string; label: string; bytes: Buffer }[] = [];
    for (const { label, bytes } of images.slice(2, 5)) {
      const turned = await sharp(bytes).rotate(90).jpeg({ quality: 95 }).toBuffer();
      corrected.push({ name: `turned-${label}.jpg`, label, bytes: turned });
    }
    await upload(corrected);
    for (const { name, label } of corrected) {
      const card = cardOf(name);
      await card.getByTestId('predicted-label').waitFor({ timeout: MINUTE_MS });
      const answer = await card.getByTestId('predicted-label').innerText();
      await card.getByRole('button', { name: answer === label ? 'Right' : label, exact: true }).click();
      await card.getByText('Saved as correction').waitFor({ timeout: MINUTE_MS });
    }
    const client = new S3Client({
      endpoint: stack.s3Url,
      region: 'us-east-1',
      credentials: await stack.credentials(),
      forcePathStyle: true,
    });
    const kept = await client.send(new ListObjectsV2Command({ Bucket: 'medloop', Prefix: 'images/' }));
    client.destroy();
    const keys = (kept.Contents ?? []).map((object) => object.Key ?? '');
    for (const { bytes } of corrected)
      expect(keys.some((key) => key.endsWith(sha256Of(bytes)))).to.equal(true);
    const { corrections } = await get<{ corrections: { label: string }[] }>('corrections');
    expect(corrections.map((one) => one.label).sort()).to.deep.equal(
      corrected.map((one) => one.label).sort(),
    );
  });

  it('medloop retrain --wait trains and promotes version 2', async () => {
    const { code, out, err } = await stack.medloop(['retrain', '--wait', '--json']);
    expect(code, `${out}\n${err}`).to.equal(0);
    const run = JSON.parse(out) as RunView;
    expect(run.outcome).to.include({ verdict: 'promoted', modelVersion: '2' });
    expect(run.steps.map((step) => `${step.name} ${step.state}`)).to.deep.equal(
      ['snapshot', 'train', 'evaluate', 'register', 'promote', 'verify'].map((name) => `${name} succeeded`),
    );
  });

  it('the page answers with version 2 without a reload', async () => {
    await page.locator('[data-testid=serving][data-version="2"]').waitFor({ timeout: MINUTE_MS });
    const first = images[0]!;
    await upload([{ name: 'after-the-swap.jpg', bytes: first.bytes }]);
    await cardOf('after-the-swap.jpg').getByTestId('predicted-label').waitFor({ timeout: MINUTE_MS });
    expect(await cardOf('after-the-swap.jpg').getByTestId('predicted-label').innerText()).to.equal(
      first.label,
    );
    expect(await cardOf('after-the-swap.jpg').getByTestId('answered-by').innerText()).to.contain('version 2');
    expect(pageErrors).to.deep.equal([]);
  });

  it('each correction can be followed to the snapshot and the version that learned it', async () => {
    const { corrections } = await get<{ corrections: { id: string; label: string }[] }>('corrections');
    for (const { id, label } of corrections) {
      const { fate } = await get<CorrectionWithFate>(`corrections/${id}`);
      expect(fate).to.include({ snapshot: '00000002', learnedIn: '2' });
      expect(fate.answersNow?.version).to.equal('2');
      expect(fate.answersNow?.label).to.equal(label);
    }
  });

  it("Python's mlflow.pyfunc loads @prod and gives the API's probabilities to 1e-4", async () => {
    const files: string[] = [];
    const form = new FormData();
    for (const { name, label, bytes } of images) {
      const path = join(folder, `${label}-${name}`);
      await writeFile(path, bytes);
      files.push(path);
      form.append('image', new Blob([new Uint8Array(bytes)]), name);
    }
    const response = await fetch(`${stack.url}/api/v1/predictions`, { method: 'POST', body: form });
    const { predictions } = (await response.json()) as Predictions;
    const script = join(projectRoot(), 'tests', 'python', 'prod_probabilities.py');
    const { stdout } = await promisify(execFile)(toolPaths().python, [script, stack.mlflowUrl, ...files]);
    const answer = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      labels: string | string[];
      probabilities: number[][];
    };
    const labels =
      typeof answer.labels === 'string' ? (JSON.parse(answer.labels) as string[]) : answer.labels;
    expect(labels).to.have.length(6);
    for (const [index, prediction] of predictions.entries()) {
      if ('problem' in prediction) throw new Error(prediction.problem.detail);
      for (const [position, label] of labels.entries()) {
        const difference = Math.abs(
          (prediction.probabilities[label] ?? NaN) - (answer.probabilities[index]?.[position] ?? NaN),
        );
        expect(difference, `${label} of image ${index}`).to.be.at.most(1e-4);
      }
    }
  });

  it('a second retrain without new corrections ends with nothing new (exit 4)', async () => {
    const { code, out } = await stack.medloop(['retrain', '--wait', '--json']);
    expect(code, out).to.equal(4);
  });

  it('medloop models rollback takes version 1 back into service', async () => {
    const { code, out, err } = await stack.medloop(['models', 'rollback', '--why', 'test', '--json']);
    expect(code, `${out}\n${err}`).to.equal(0);
    expect((await get<ModelsView>('models')).serving?.version).to.equal('1');
  });

  it('Ctrl-C ends everything within 10 s and leaves no process', async () => {
    expect(await stack.end('SIGINT')).to.be.at.most(10);
    expect(await noneLeft(stack.home, 0)).to.deep.equal([]);
  });

  it('a restart has all data, the schedule and the served model', async () => {
    await stack.start();
    const models = await get<ModelsView>('models');
    expect(models.serving?.version).to.equal('1');
    expect(models.models.map((model) => model.version)).to.deep.equal(['2', '1']);
    expect((await get<ScheduleView>('schedule')).nextTimes).to.not.be.empty;
    expect((await get<{ corrections: unknown[] }>('corrections')).corrections).to.have.length(3);
    expect((await get<{ runs: RunView[] }>('runs')).runs.length).to.be.at.least(3);
  });

  it('kill -9 of the supervisor leaves no process', async () => {
    await stack.end('SIGKILL');
    expect(await noneLeft(stack.home, 15_000)).to.deep.equal([]);
  });
});
