/** Retraining as the page shows it: start, live progress, results, and the new version that answers. */
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { endedRun, FakeApi, problem, runAt } from './support/fake-api.js';
import { card, choose, PageTester, shows, type UploadFile } from './support/page.js';
import { picture } from './support/pictures.js';

const PROGRESS = {
  step: 250,
  totalSteps: 1_000,
  epoch: 2,
  totalEpochs: 4,
  loss: 0.1234,
  imagesPerSecond: 2_150,
  remainingSeconds: 95,
  epochs: [],
};

describe('web: retrain', function () {
  this.timeout(90_000);
  const tester = new PageTester();
  let hand: UploadFile;

  before(async function () {
    if (!(await tester.begin())) this.skip();
    hand = { name: 'hand.png', mimeType: 'image/png', buffer: await picture('Hand') };
  });
  after(() => tester.end());
  afterEach(async () => {
    expect(await tester.tidy()).to.deep.equal([]);
  });

  const panel = (page: Page) => page.getByRole('complementary', { name: 'Learning' });
  const outcome = (page: Page) => page.getByTestId('run-outcome');
  const step = (page: Page, name: string) =>
    page.getByRole('list', { name: 'Steps of the run' }).getByRole('listitem').filter({ hasText: name });

  async function until(what: string, check: () => boolean): Promise<void> {
    for (let waited = 0; !check(); waited += 50) {
      if (waited > 15_000) throw new Error(`never: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('says when the next retrain is due, and when the schedule is paused', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    await shows(page.getByTestId('next-retrain'), 'in 6 days');
    expect(await page.getByTestId('next-retrain').locator('time').getAttribute('datetime')).to.equal(
      api.schedule.nextTimes[0],
    );
    api.schedule = { ...api.schedule, paused: true, note: 'holidays', nextTimes: [] };
    await page.reload();
    await shows(page.getByTestId('next-retrain'), 'Paused');
    await shows(page.getByTestId('next-retrain'), 'holidays');
  });

  it('starts a run and shows each step, the training progress and the promotion as they come', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    await page.getByRole('button', { name: 'Retrain now' }).click();
    await step(page, 'Snapshot').waitFor();
    expect(api.startedModes).to.deep.equal(['warm']);
    expect(await page.getByRole('button', { name: 'Retraining…' }).isDisabled()).to.equal(true);
    await until('a watcher of the run', () => api.watchers('run-2') === 1);

    api.push(runAt('run-2', 1, { progress: PROGRESS }));
    const training = page.getByTestId('training-progress');
    await shows(training, '2,150 images/s');
    await shows(training, '0.123');
    await shows(training, '1 min 35 s');
    await shows(training, '2 of 4');
    expect(
      await page.getByRole('progressbar', { name: 'Training progress' }).getAttribute('aria-valuenow'),
    ).to.equal('25');
    expect(await step(page, 'Train').getAttribute('aria-current')).to.equal('step');
    expect(await step(page, 'Snapshot').getAttribute('data-state')).to.equal('succeeded');

    api.push(runAt('run-2', 2));
    await page.locator('[aria-current="step"]').filter({ hasText: 'Evaluate' }).waitFor();
    api.push(
      endedRun('run-2', {
        verdict: 'promoted',
        modelVersion: '2',
        snapshot: '00000002',
        reasons: [{ code: 'GOLDEN', passed: true, text: 'Golden accuracy 99.3% against 99.1%.' }],
      }),
    );
    await shows(outcome(page), 'Version 2 was promoted');
    await shows(outcome(page), 'Golden accuracy 99.3% against 99.1%.');
    expect(await page.getByRole('button', { name: 'Retrain now' }).isEnabled()).to.equal(true);
    await until('no watcher of the ended run', () => api.watchers('run-2') === 0);
  });

  it('follows the run by polling where no events come', async () => {
    const api = new FakeApi('1');
    api.streams = false;
    const page = await tester.open(api);
    await page.getByRole('button', { name: 'Retrain now' }).click();
    await step(page, 'Snapshot').waitFor();
    api.push(runAt('run-2', 1, { progress: PROGRESS }));
    await shows(page.getByTestId('training-progress'), '2,150 images/s');
    api.push(endedRun('run-2', { verdict: 'nothing-new', modelVersion: null, snapshot: null, reasons: [] }));
    await shows(outcome(page), 'Nothing new to learn');
  });

  it('attaches to a run that already runs when the page opens', async () => {
    const api = new FakeApi('1');
    api.push(runAt('run-9', 1, { progress: PROGRESS, trigger: 'schedule' }));
    const page = await tester.open(api);
    await shows(page.getByTestId('training-progress'), '2,150 images/s');
    await shows(panel(page), /started by the schedule/);
    await until('a watcher of the run', () => api.watchers('run-9') === 1);
    api.push(endedRun('run-9', { verdict: 'nothing-new', modelVersion: null, snapshot: null, reasons: [] }));
    await shows(outcome(page), 'Nothing new to learn');
  });

  it('follows the running one when another retrain was started in between', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    await shows(panel(page), 'Nothing has run yet.');
    api.startProblem = { ...problem(409, 'RUN_IN_PROGRESS', 'A retrain is already running.'), id: 'run-5' };
    api.runs = [runAt('run-5', 1, { progress: PROGRESS })];
    await page.getByRole('button', { name: 'Retrain now' }).click();
    await shows(panel(page), 'A retrain was already running; here is its progress.');
    await shows(page.getByTestId('training-progress'), '2,150 images/s');
  });

  it('says why a run did not start, and starts it on "Try again"', async () => {
    const api = new FakeApi('1');
    api.startProblem = problem(503, 'TEMPORAL_UNREACHABLE', 'The Temporal server does not answer.');
    const page = await tester.open(api);
    await page.getByRole('button', { name: 'Retrain now' }).click();
    await shows(panel(page).getByRole('alert'), 'The Temporal server does not answer.');
    api.startProblem = null;
    await panel(page).getByRole('button', { name: 'Try again' }).click();
    await step(page, 'Snapshot').waitFor();
  });

  it('gives the reasons of a refusal, the failed ones first', async () => {
    const api = new FakeApi('2');
    api.push(
      endedRun('run-3', {
        verdict: 'refused',
        modelVersion: '3',
        snapshot: '00000003',
        reasons: [
          { code: 'ONNX', passed: true, text: 'The exported file answers as the network.' },
          { code: 'GOLDEN', passed: false, text: 'Golden accuracy fell by 2.1 points.' },
        ],
      }),
    );
    const page = await tester.open(api);
    await shows(outcome(page), 'Version 3 was refused');
    const reasons = await page.getByRole('list', { name: 'Reasons' }).getByRole('listitem').allInnerTexts();
    expect(reasons).to.deep.equal([
      'Golden accuracy fell by 2.1 points.',
      'The exported file answers as the network.',
    ]);
    expect(await outcome(page).getByRole('img', { name: 'not passed' }).count()).to.equal(1);
  });

  it('says why a run failed', async () => {
    const api = new FakeApi('2');
    api.push(
      runAt('run-3', 6, {
        state: 'failed',
        endedAt: new Date().toISOString(),
        failure: { code: 'DISK_FULL', message: 'The disk of the trainer is full.' },
      }),
    );
    const page = await tester.open(api);
    await shows(outcome(page), 'The run failed');
    await shows(outcome(page), 'The disk of the trainer is full.');
  });

  it('notices a new version without a reload and classifies again with it', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await result.getByRole('button', { name: 'CXR' }).click();
    await shows(result.getByRole('status'), 'Corrected: CXR');
    api.serve('2');
    await page.locator('[data-testid="serving"][data-version="2"]').waitFor();
    await shows(result.getByTestId('answered-by'), 'Answered by version 1; version 2 is serving now');
    await result.getByRole('button', { name: 'Classify again' }).click();
    await shows(result.getByTestId('answered-by'), /^Answered by version 2$/);
    // What was said before is still acknowledged.
    await shows(result.getByRole('status'), 'Corrected: CXR');
    expect(api.predicted).to.have.length(2);
  });

  it('shows the training of the first model, keeps images waiting, and classifies them when it serves', async () => {
    const api = new FakeApi(null);
    api.push(runAt('run-1', 1, { progress: PROGRESS, mode: 'full', trigger: 'start' }));
    const page = await tester.open(api);
    const first = page.getByRole('region', { name: 'First model' });
    await shows(first, 'The first model is being trained');
    await shows(first, '2,150 images/s');
    await choose(page, [hand]);
    await shows(card(page, 'hand.png'), 'Waits for the first model…');
    expect(api.predicted).to.deep.equal([]);
    api.serve('1');
    await shows(card(page, 'hand.png'), 'Answered by version 1');
    await first.waitFor({ state: 'detached' });
  });

  it('offers to train the first model where nothing runs', async () => {
    const api = new FakeApi(null);
    api.startedRun = () => runAt('run-1', 0, { mode: 'full' });
    const page = await tester.open(api);
    await shows(page.getByRole('region', { name: 'First model' }), 'There is no model yet');
    await page.getByRole('button', { name: 'Train the first model' }).click();
    await shows(page.getByRole('region', { name: 'First model' }), 'The first model is being trained');
    expect(api.startedModes).to.deep.equal(['full']);
  });
});
