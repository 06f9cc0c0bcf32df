/** WCAG 2.2 AA as far as a machine can tell, reflow on narrow screens, and the weight of the first load. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AxeBuilder } from '@axe-core/playwright';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { projectRoot } from '../../config/paths.js';
import { answer, endedRun, FakeApi, LABELS, problem, runAt } from './support/fake-api.js';
import { card, choose, PageTester, shows, type UploadFile } from './support/page.js';
import { picture } from './support/pictures.js';

const PROGRESS = {
  step: 250,
  totalSteps: 1_000,
  epoch: 1,
  totalEpochs: 4,
  loss: 0.1234,
  imagesPerSecond: 2_150,
  remainingSeconds: 95,
  epochs: [],
};

interface Scene {
  readonly name: string;
  readonly path: string;
  readonly api: () => FakeApi;
  /** Brings the page into the state; resolves when it is there. */
  readonly reach: (page: Page, files: readonly UploadFile[]) => Promise<unknown>;
}

function busyApi(): FakeApi {
  const api = new FakeApi('2', { synthetic: true });
  api.predict = (name) =>
    name === 'chest.png'
      ? { image: { name }, problem: problem(422, 'IMAGE_TRUNCATED', 'The file ends before the image does.') }
      : answer(name, 'Hand', '1', { unfamiliar: name === 'head.png', confidence: 0.5 });
  api.push(runAt('run-2', 1, { progress: PROGRESS }));
  return api;
}

function endedApi(): FakeApi {
  const api = new FakeApi('2');
  const reasons = [
    { code: 'A', passed: false, text: 'Golden accuracy fell.' },
    { code: 'B', passed: true, text: 'The exported file answers as the network.' },
  ];
  api.push(endedRun('run-2', { verdict: 'refused', modelVersion: '3', snapshot: '00000003', reasons }));
  api.correctionProblem = problem(503, 'S3_UNREACHABLE', 'The storage does not answer.');
  return api;
}

function listsApi(): FakeApi {
  const api = new FakeApi('2', { synthetic: true });
  const base = {
    labels: LABELS,
    snapshot: '00000001',
    synthetic: true,
    workflowRunId: 'r',
    description: null,
    promotions: [],
    mlflowUrl: 'http://x/',
  };
  const createdAt = new Date().toISOString();
  api.models.models = [
    { ...base, version: '3', aliases: [], createdAt, verdict: 'refuse', mode: 'warm', metrics: {} },
    { ...base, version: '2', aliases: ['prod'], createdAt, verdict: 'promote', mode: 'full', metrics: {} },
    {
      ...base,
      version: '1',
      aliases: ['previous'],
      createdAt,
      verdict: 'promote',
      mode: 'full',
      metrics: {},
    },
  ];
  api.corrections = (['accepted', 'disputed', 'rejected'] as const).map((status, index) => ({
    id: `01K0000000000000000000000${index}`,
    image: { sha256: 'a'.repeat(64) },
    label: 'BreastMRI',
    status,
    submittedAt: createdAt,
    author: 'somebody-with-a-name-that-has-no-place-to-break',
    predicted: { label: 'AbdomenCT', modelVersion: '1' },
    comment: 'A comment.',
    superseded: index === 2,
    golden: index === 1,
    review: null,
    fate: { snapshot: null, learnedIn: null, answersNow: null, unknown: [] },
  }));
  return api;
}

const SCENES: readonly Scene[] = [
  {
    name: 'the empty view with a refused run',
    path: '/',
    api: endedApi,
    reach: (page) => shows(page.getByTestId('run-outcome'), 'Version 3 was refused'),
  },
  {
    name: 'answers, an unfamiliar image, a file that cannot be read, a stored correction and a live run',
    path: '/',
    api: busyApi,
    async reach(page, files) {
      await choose(page, files);
      await card(page, 'hand.png').getByRole('button', { name: 'Add a comment' }).click();
      await card(page, 'head.png').getByRole('button', { name: 'Right', exact: true }).click();
      await shows(card(page, 'head.png'), 'Saved as correction');
      await shows(page.getByTestId('training-progress'), '2,150 images/s');
    },
  },
  {
    name: 'a correction that was not stored',
    path: '/',
    api: endedApi,
    async reach(page, files) {
      await choose(page, files.slice(0, 1));
      await page.getByRole('button', { name: 'CXR' }).click();
      await shows(page.getByRole('article').getByRole('alert'), 'Not saved: CXR');
    },
  },
  {
    name: 'no model yet',
    path: '/',
    api: () => new FakeApi(null),
    reach: (page) => page.getByRole('button', { name: 'Train the first model' }).waitFor(),
  },
  {
    name: 'corrections',
    path: '/corrections',
    api: listsApi,
    async reach(page) {
      await page.getByRole('main').getByRole('button').first().click();
      await shows(page.getByTestId('fate').first(), 'Collected in');
    },
  },
  {
    name: 'models',
    path: '/models',
    api: listsApi,
    reach: (page) => page.getByRole('listitem', { name: 'Version 1' }).waitFor(),
  },
  {
    name: 'the question before a roll back',
    path: '/models',
    api: listsApi,
    async reach(page) {
      await page.getByRole('button', { name: /^Roll back/ }).click();
      await page.getByRole('dialog').getByLabel('Reason').waitFor();
    },
  },
  {
    name: 'the menu of other tools',
    path: '/models',
    api: () => new FakeApi('1'),
    async reach(page) {
      await shows(page.getByRole('main'), 'No version yet');
      await page.getByRole('button', { name: 'Other tools' }).click();
      await page.getByRole('link', { name: /MLflow/ }).waitFor();
    },
  },
];

describe('web: accessibility', function () {
  this.timeout(90_000);
  const tester = new PageTester();
  let files: UploadFile[];

  before(async function () {
    if (!(await tester.begin())) this.skip();
    files = [
      { name: 'hand.png', mimeType: 'image/png', buffer: await picture('Hand') },
      { name: 'head.png', mimeType: 'image/png', buffer: await picture('HeadCT') },
      { name: 'chest.png', mimeType: 'image/png', buffer: await picture('CXR') },
    ];
  });
  after(() => tester.end());
  afterEach(async () => {
    expect(await tester.tidy()).to.deep.equal([]);
  });

  async function findings(page: Page): Promise<string[]> {
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
      .analyze();
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`,
    );
  }

  /** What reaches over the right edge. */
  function tooWide(page: Page): Promise<string[]> {
    return page.evaluate(() => {
      const limit = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll('main *, header *, footer *, [role="dialog"] *')]
        .filter((node) => node.getBoundingClientRect().right > limit + 1)
        .filter((node) => getComputedStyle(node).position !== 'absolute')
        .map((node) => `${node.tagName} ${String(node.getAttribute('class')).slice(0, 60)}`);
      const { scrollWidth } = document.documentElement;
      return scrollWidth > limit ? [...wide, `the page is ${scrollWidth} wide`] : wide;
    });
  }

  for (const scene of SCENES) {
    it(`has no finding of axe in light or dark, and fits a phone: ${scene.name}`, async () => {
      const page = await tester.open(scene.api(), { path: scene.path });
      await scene.reach(page, files);
      expect(await findings(page), 'light').to.deep.equal([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
      // Colours that fade into the other scheme are measured where they end.
      await page.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const ending = document
          .getAnimations()
          .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity);
        await Promise.allSettled(ending.map((one) => one.finished));
      });
      expect(await findings(page), 'dark').to.deep.equal([]);
      for (const width of [390, 320]) {
        await page.setViewportSize({ width, height: 700 });
        // What floats is placed anew a moment after the resize.
        let wide = await tooWide(page);
        for (let tries = 0; wide.length > 0 && tries < 20; tries += 1) {
          await page.waitForTimeout(100);
          wide = await tooWide(page);
        }
        expect(wide, `${width} pixels`).to.deep.equal([]);
      }
    });
  }

  it('has targets of at least 24 by 24 pixels', async () => {
    const page = await tester.open(busyApi(), { width: 390 });
    await SCENES[1]!.reach(page, files);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, a, input:not([type="file"])')]
        .map((node) => ({ node, box: node.getBoundingClientRect() }))
        .filter(({ node, box }) => box.width > 0 && !node.matches('[href="#main"]'))
        .filter(({ box }) => box.width < 24 || box.height < 24)
        .map(({ node, box }) => `${node.textContent} ${Math.round(box.width)}×${Math.round(box.height)}`),
    );
    expect(small).to.deep.equal([]);
  });

  it('has a first load of at most 250 kB, compressed', () => {
    const folder = join(projectRoot(), 'dist', 'web');
    const html = readFileSync(join(folder, 'index.html'), 'utf8');
    const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]!);
    expect(readdirSync(join(folder, 'assets'))).to.not.have.length(0);
    const sizes = ['index.html', ...named].map((name) => gzipSync(readFileSync(join(folder, name))).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.below(250_000);
  });
});
