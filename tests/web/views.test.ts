/** The views of corrections and models, and the frame around every view. */
import { expect } from 'chai';
import type { CorrectionWithFate, ModelVersionView } from '../../api/schema.js';
import { FakeApi, LABELS, problem } from './support/fake-api.js';
import { PageTester, shows } from './support/page.js';
import { picture } from './support/pictures.js';

function correction(number: number, more: Partial<CorrectionWithFate> = {}): CorrectionWithFate {
  return {
    id: `01K${String(number).padStart(23, '0')}`,
    image: { sha256: 'a'.repeat(64) },
    label: 'Hand',
    status: 'accepted',
    submittedAt: new Date(Date.now() - number * 3_600_000).toISOString(),
    author: `person ${number}`,
    predicted: { label: 'HeadCT', modelVersion: '1' },
    comment: null,
    superseded: false,
    golden: false,
    review: null,
    fate: { snapshot: null, learnedIn: null, answersNow: null, unknown: [] },
    ...more,
  };
}

function version(number: string, more: Partial<ModelVersionView> = {}): ModelVersionView {
  return {
    version: number,
    aliases: [],
    createdAt: new Date().toISOString(),
    labels: LABELS,
    snapshot: '00000001',
    synthetic: false,
    verdict: 'promote',
    mode: 'warm',
    metrics: { 'golden.accuracy': 0.99312 },
    workflowRunId: 'run',
    description: null,
    promotions: [],
    mlflowUrl: 'http://127.0.0.1:5000/model',
    ...more,
  };
}

describe('web: views', function () {
  this.timeout(90_000);
  const tester = new PageTester();
  let image: Buffer;

  before(async function () {
    if (!(await tester.begin())) this.skip();
    image = await picture('HeadCT');
  });
  after(() => tester.end());
  afterEach(async () => {
    expect(await tester.tidy()).to.deep.equal([]);
  });

  it('names the version that serves, the tools, and what the page is not', async () => {
    const page = await tester.open(new FakeApi('12'));
    await shows(page.getByTestId('serving'), 'Version 12');
    await shows(page.getByTestId('serving'), /serving since \d/);
    await shows(page.getByRole('note'), 'Not a medical device; for demonstration and research');
    expect(await page.getByTestId('synthetic').count()).to.equal(0);
    await page.getByRole('button', { name: 'Other tools' }).click();
    const temporal = page.getByRole('link', { name: /Temporal UI/ });
    await temporal.waitFor();
    expect(await temporal.getAttribute('href')).to.equal('http://127.0.0.1:8233');
    expect(await page.getByRole('link', { name: /MLflow UI/ }).getAttribute('href')).to.equal(
      'http://127.0.0.1:5000',
    );
  });

  it('says that the data are synthetic where they are', async () => {
    const page = await tester.open(new FakeApi('1', { synthetic: true }));
    await shows(
      page.getByTestId('synthetic'),
      'Demo data: trained on synthetic phantoms, not on real images',
    );
  });

  it('switches between light and dark and remembers it', async () => {
    const page = await tester.open(new FakeApi('1'));
    const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
    expect(await scheme()).to.equal('light');
    await page.getByRole('button', { name: 'Switch to dark mode' }).click();
    expect(await scheme()).to.equal('dark');
    await page.reload();
    await page.getByRole('button', { name: 'Switch to light mode' }).waitFor();
    expect(await scheme()).to.equal('dark');
  });

  it('lists corrections with thumbnail, author and status, and tells the fate of an opened one', async () => {
    const api = new FakeApi('2', { picture: image });
    api.corrections = [
      correction(1, {
        comment: 'Clearly a hand.',
        fate: {
          snapshot: '00000002',
          learnedIn: '2',
          answersNow: { label: 'Hand', confidence: 0.987, version: '2' },
          unknown: [],
        },
      }),
      correction(2, { label: 'HeadCT', status: 'disputed' }),
      correction(3, { label: 'none', golden: true, predicted: null }),
    ];
    const page = await tester.open(api, { path: '/corrections' });
    const rows = page.getByRole('main').getByRole('button');
    await shows(rows.nth(0), 'instead of HeadCT');
    await shows(rows.nth(0), 'person 1');
    await shows(rows.nth(0), 'Accepted');
    await shows(rows.nth(1), 'confirms the answer');
    await shows(rows.nth(1), 'Disputed');
    await shows(rows.nth(2), 'None of these');
    await page.waitForFunction(
      () => (document.querySelector('main img') as HTMLImageElement).naturalWidth === 200,
    );
    await rows.nth(0).click();
    const fate = page.getByTestId('fate').first();
    await shows(fate, 'Clearly a hand.');
    await shows(fate, 'Snapshot 00000002');
    await shows(fate, /^Version 2$/);
    await shows(fate, 'Hand, 98.7% (version 2)');
    await rows.nth(2).click();
    await shows(page.getByTestId('fate').nth(2), /golden set, which feedback does not change/);
    await rows.nth(1).click();
    await shows(page.getByTestId('fate').nth(1), 'Not while it is disputed');
  });

  it('says what of a fate cannot be read instead of calling it "not yet"', async () => {
    const api = new FakeApi('2', { picture: image });
    api.corrections = [
      correction(1, { fate: { snapshot: null, learnedIn: null, answersNow: null, unknown: ['learnedIn'] } }),
    ];
    const page = await tester.open(api, { path: '/corrections' });
    await page.getByRole('main').getByRole('button').first().click();
    const fate = page.getByTestId('fate');
    await shows(fate, 'Cannot be read just now');
    const text = (await fate.innerText()).replace(/\s+/g, ' ');
    expect(text).to.include('Collected in Not yet');
    expect(text).to.include('Learned by Cannot be read just now');
  });

  it('loads older corrections on request', async () => {
    const api = new FakeApi('2', { picture: image });
    api.corrections = Array.from({ length: 25 }, (_, index) => correction(index + 1));
    const page = await tester.open(api, { path: '/corrections' });
    await shows(page.getByRole('main'), /person 20/);
    expect(await page.getByText(/person 21/).count()).to.equal(0);
    await page.getByRole('button', { name: 'Show older ones' }).click();
    await shows(page.getByRole('main'), /person 25/);
    await page.getByRole('button', { name: 'Show older ones' }).waitFor({ state: 'detached' });
  });

  it('says that there are no corrections yet, and shows the way to classify', async () => {
    const page = await tester.open(new FakeApi('1'), { path: '/corrections' });
    await shows(page.getByRole('main'), 'No corrections yet');
    await page.getByRole('main').getByRole('link', { name: 'Classify images' }).click();
    await page.getByRole('heading', { level: 1, name: 'What does this image show?' }).waitFor();
    expect(await page.title()).to.equal('Classify · Medloop');
    expect(await page.getByRole('main').evaluate((node) => node === document.activeElement)).to.equal(true);
  });

  it('says why lists cannot be read, and reads them on "Try again"', async () => {
    const api = new FakeApi('1');
    api.listProblem = problem(400, 'CURSOR_INVALID', 'The cursor is none that this service gave.');
    const page = await tester.open(api, { path: '/corrections' });
    await shows(page.getByRole('alert'), 'The cursor is none that this service gave.');
    await page.getByRole('link', { name: 'Models' }).click();
    await shows(page.getByRole('alert'), 'The cursor is none that this service gave.');
    api.listProblem = null;
    await page.getByRole('button', { name: 'Try again' }).click();
    await shows(page.getByRole('main'), 'No version yet');
    await page.getByRole('link', { name: 'Corrections' }).click();
    await shows(page.getByRole('main'), 'No corrections yet');
  });

  it('lists versions with aliases, accuracy and verdict', async () => {
    const api = new FakeApi('2');
    api.models.models = [
      version('3', { verdict: 'refuse', metrics: {} }),
      version('2', { aliases: ['prod'] }),
      version('1', { aliases: ['previous'], mode: 'full' }),
    ];
    const page = await tester.open(api, { path: '/models' });
    const row = (number: string) => page.getByRole('listitem', { name: `Version ${number}` });
    await shows(row('3'), 'Refused');
    await shows(row('3'), 'not known');
    await shows(row('2'), 'Serving');
    await shows(row('2'), 'prod');
    await shows(row('2'), '99.31%');
    await shows(row('1'), 'previous');
    expect(await row('3').getByText('Serving').count()).to.equal(0);
  });

  it('rolls back only after a confirmation, with the reason', async () => {
    const api = new FakeApi('2');
    api.models.models = [version('2', { aliases: ['prod'] }), version('1', { aliases: ['previous'] })];
    const page = await tester.open(api, { path: '/models' });
    await page.getByRole('button', { name: 'Roll back to version 1' }).click();
    const dialog = page.getByRole('dialog');
    await shows(dialog, /Version 2 stops answering/);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(api.rolledBack).to.deep.equal([]);
    await page.getByRole('button', { name: 'Roll back to version 1' }).click();
    await dialog.getByLabel('Reason').fill('It mixes up hands.');
    await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
    await shows(page.locator('body'), 'Rolled back to version 1');
    expect(api.rolledBack).to.deep.equal([{ why: 'It mixes up hands.' }]);
    await page.locator('[data-testid="serving"][data-version="1"]').waitFor();
  });

  it('answers an unknown address with a way back', async () => {
    const page = await tester.open(new FakeApi('1'), { path: '/nowhere' });
    await shows(page.getByRole('main'), 'There is no such page');
  });
});
