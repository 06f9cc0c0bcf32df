/** The view in which images are classified and corrected, in a real browser. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { answer, FakeApi, LABELS, problem } from './support/fake-api.js';
import { card, choose, PageTester, shows, type UploadFile } from './support/page.js';
import { picture } from './support/pictures.js';

describe('web: classify and correct', function () {
  this.timeout(90_000);
  const tester = new PageTester();
  let hand: UploadFile;
  let head: UploadFile;

  before(async function () {
    if (!(await tester.begin())) this.skip();
    hand = { name: 'hand.png', mimeType: 'image/png', buffer: await picture('Hand') };
    head = { name: 'head.png', mimeType: 'image/png', buffer: await picture('HeadCT') };
  });
  after(() => tester.end());
  afterEach(async () => {
    expect(await tester.tidy()).to.deep.equal([]);
  });

  /** Gives files to the page as a drop or a paste does. */
  async function handOver(page: Page, kind: 'drop' | 'paste', files: readonly UploadFile[]): Promise<void> {
    await page.evaluate(
      ({ kind, files }) => {
        const transfer = new DataTransfer();
        for (const file of files) {
          const bytes = Uint8Array.from(atob(file.base64), (char) => char.charCodeAt(0));
          transfer.items.add(new File([bytes], file.name, { type: file.mimeType }));
        }
        const target = document.querySelector('footer') ?? document.body;
        if (kind === 'paste') {
          target.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }),
          );
          return;
        }
        for (const type of ['dragenter', 'dragover', 'drop']) {
          target.dispatchEvent(
            new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }),
          );
        }
      },
      {
        kind,
        files: files.map(({ name, mimeType, buffer }) => ({
          name,
          mimeType,
          base64: buffer.toString('base64'),
        })),
      },
    );
  }

  it('shows class, confidence, all probabilities and the version that answered', async () => {
    const api = new FakeApi('7');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await shows(result, 'Answered by version 7');
    expect(await result.getByTestId('predicted-label').innerText()).to.equal('Hand');
    expect(await result.getByTestId('confidence').innerText()).to.equal('91.0%');
    const meters = await result.getByRole('meter').all();
    const names = await Promise.all(meters.map((meter) => meter.getAttribute('aria-label')));
    expect(names).to.have.members(LABELS);
    expect(names[0]).to.equal('Hand');
    expect(await result.getByRole('meter', { name: 'AbdomenCT' }).getAttribute('aria-valuenow')).to.equal(
      '5.2',
    );
    expect(await result.getByRole('img', { name: /hand\.png/ }).getAttribute('src')).to.match(/^blob:/);
    expect(await page.getByTestId('announcer').textContent()).to.equal('hand.png: Hand, 91.0%');
  });

  it('takes files by the button, several at once', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose images' }).click();
    await (await chooser).setFiles([hand, head]);
    await shows(card(page, 'hand.png'), 'Answered by version 1');
    await shows(card(page, 'head.png'), 'Answered by version 1');
    expect(api.predicted).to.deep.equal([['hand.png', 'head.png']]);
  });

  for (const kind of ['drop', 'paste'] as const) {
    it(`takes files by ${kind} anywhere on the page`, async () => {
      const api = new FakeApi('1');
      const page = await tester.open(api);
      await page.getByRole('button', { name: 'Choose images' }).waitFor();
      await handOver(page, kind, [hand, head]);
      await shows(card(page, 'hand.png'), 'Answered by version 1');
      await shows(card(page, 'head.png'), 'Answered by version 1');
    });
  }

  it('sends many files in batches and answers each', async () => {
    const api = new FakeApi('1');
    const page = await tester.open(api);
    const files = Array.from({ length: 20 }, (_, index) => ({ ...hand, name: `hand-${index}.png` }));
    await choose(page, files);
    await shows(card(page, 'hand-19.png'), 'Answered by version 1');
    await shows(card(page, 'hand-0.png'), 'Answered by version 1');
    expect(api.predicted.flat()).to.have.members(files.map((file) => file.name));
    expect(Math.max(...api.predicted.map((batch) => batch.length))).to.be.at.most(8);
  });

  it('says plainly that an image is unfamiliar', async () => {
    const api = new FakeApi('1');
    api.predict = (name) => answer(name, 'Hand', '1', { unfamiliar: name === 'hand.png', unfamiliarity: 8 });
    const page = await tester.open(api);
    await choose(page, [hand, head]);
    await shows(card(page, 'hand.png'), /unlike anything the model has learned/);
    await shows(card(page, 'head.png'), 'Answered by version 1');
    expect(await card(page, 'head.png').getByTestId('unfamiliar').count()).to.equal(0);
  });

  it('shows the problem of one file and the answers of the others', async () => {
    const api = new FakeApi('1');
    api.predict = (name) =>
      name === 'head.png'
        ? {
            image: { name },
            problem: problem(422, 'IMAGE_TRUNCATED', 'The file ends before the image does.'),
          }
        : answer(name, 'Hand', '1');
    const page = await tester.open(api);
    await choose(page, [head, hand]);
    await shows(card(page, 'hand.png'), 'Answered by version 1');
    const failed = card(page, 'head.png').getByRole('alert');
    await shows(failed, 'The file ends before the image does.');
    await shows(failed, 'IMAGE_TRUNCATED');
    expect(await card(page, 'head.png').getByRole('button', { name: 'Right' }).count()).to.equal(0);
    expect(await failed.getByRole('button', { name: 'Try again' }).count()).to.equal(0);
  });

  it('refuses a file over the limit without sending it', async () => {
    const api = new FakeApi('1');
    api.info = { ...api.info, limits: { ...api.info.limits, fileBytes: 1_000 } };
    const page = await tester.open(api);
    await shows(page.getByRole('region', { name: 'Upload' }), /up to/);
    await choose(page, [hand]);
    await shows(card(page, 'hand.png'), /at most/);
    expect(api.predicted).to.deep.equal([]);
  });

  it('offers to try again when the whole upload fails, and then answers', async () => {
    const api = new FakeApi('1');
    api.predictionProblem = problem(503, 'OVERLOADED', 'Too many images are waiting; try again in a moment.');
    const page = await tester.open(api);
    await choose(page, [hand]);
    await shows(card(page, 'hand.png'), 'Too many images are waiting; try again in a moment.');
    api.predictionProblem = null;
    await card(page, 'hand.png').getByRole('button', { name: 'Try again' }).click();
    await shows(card(page, 'hand.png'), 'Answered by version 1');
  });

  it('sends the chosen class with the bytes, the answer and the name, and shows the receipt', async () => {
    const api = new FakeApi('4');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await page.getByLabel('Your name').fill('Ada');
    await result.getByRole('button', { name: 'Add a comment' }).click();
    await result.getByLabel('Comment').fill('The thumb is missing.');
    await result.getByRole('button', { name: 'HeadCT' }).click();
    await shows(result.getByRole('status'), 'Corrected: HeadCT');
    await shows(result.getByRole('status'), 'Saved as correction 01K00000000000000000000001');
    const [received] = api.received;
    expect(received?.sha256).to.equal(createHash('sha256').update(hand.buffer).digest('hex'));
    expect(received?.fields).to.deep.equal({
      label: 'HeadCT',
      predictedLabel: 'Hand',
      modelVersion: '4',
      comment: 'The thumb is missing.',
      author: 'Ada',
    });
    await page.reload();
    await choose(page, [hand]);
    expect(await page.getByLabel('Your name').inputValue()).to.equal('Ada');
  });

  it('sends "Right" as a confirmation of the predicted class, and no empty fields', async () => {
    const api = new FakeApi('4');
    const page = await tester.open(api);
    await choose(page, [hand]);
    await card(page, 'hand.png').getByRole('button', { name: 'Right', exact: true }).click();
    await shows(card(page, 'hand.png').getByRole('status'), 'Confirmed: Hand');
    expect(api.received.map((one) => one.fields)).to.deep.equal([
      { label: 'Hand', predictedLabel: 'Hand', modelVersion: '4' },
    ]);
  });

  it('sends `none` for none of these, and lets a stored choice be changed', async () => {
    const api = new FakeApi('4');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await result.getByRole('button', { name: 'None of these' }).click();
    await shows(result.getByRole('status'), 'Corrected: None of these');
    await result.getByRole('button', { name: 'Change' }).click();
    await result.getByRole('button', { name: 'CXR' }).click();
    await shows(result.getByRole('status'), 'Corrected: CXR');
    expect(api.received.map((one) => one.fields.label)).to.deep.equal(['none', 'CXR']);
  });

  it('keeps a correction that was not stored, says so, and sends it on "Try again"', async () => {
    const api = new FakeApi('4');
    api.correctionProblem = problem(503, 'S3_UNREACHABLE', 'The storage does not answer.');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await result.getByRole('button', { name: 'BreastMRI' }).click();
    await shows(result.getByRole('alert'), 'Not saved: BreastMRI');
    await shows(result.getByRole('alert'), /The storage does not answer\./);
    expect(await result.getByText('Saved as correction').count()).to.equal(0);

    // Neither another view nor "Clear" loses it.
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'Classify' }).click();
    await page.getByRole('button', { name: 'Clear' }).click();
    await shows(result.getByRole('alert'), 'Not saved: BreastMRI');
    expect(await result.getByRole('button', { name: /^Remove/ }).count()).to.equal(0);

    api.correctionProblem = null;
    await result.getByRole('button', { name: 'Try again' }).click();
    await shows(result.getByRole('status'), 'Corrected: BreastMRI');
    expect(api.received.map((one) => one.fields.label)).to.deep.equal(['BreastMRI']);
    await page.getByRole('button', { name: 'Clear' }).click();
    await result.waitFor({ state: 'detached' });
  });

  it('keeps a correction while the server is away, says that it is, and notices when it is back', async () => {
    const api = new FakeApi('4');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const result = card(page, 'hand.png');
    await shows(result, 'Answered by version 4');
    await api.stop();
    await result.getByRole('button', { name: 'CXR' }).click();
    await shows(result.getByRole('alert'), 'Not saved: CXR');
    await page.getByTestId('offline').waitFor();
    await api.start();
    await page.getByTestId('offline').waitFor({ state: 'detached' });
    await result.getByRole('button', { name: 'Try again' }).click();
    await shows(result.getByRole('status'), 'Corrected: CXR');
  });

  it('warns before leaving with a correction that is not stored', async () => {
    const api = new FakeApi('4');
    api.correctionProblem = problem(503, 'S3_UNREACHABLE', 'The storage does not answer.');
    const page = await tester.open(api);
    await choose(page, [hand]);
    await card(page, 'hand.png').getByRole('button', { name: 'CXR' }).click();
    await shows(card(page, 'hand.png').getByRole('alert'), 'Not saved: CXR');
    const asked = new Promise<string>((resolve) => {
      page.once('dialog', (dialog) => {
        resolve(dialog.type());
        void dialog.accept();
      });
    });
    await page.close({ runBeforeUnload: true });
    expect(await asked).to.equal('beforeunload');
  });

  it('can be worked by keyboard alone: classify, correct, with the focus to be seen', async () => {
    const api = new FakeApi('4');
    const page = await tester.open(api);
    await choose(page, [hand]);
    const right = card(page, 'hand.png').getByRole('button', { name: 'Right', exact: true });
    await right.waitFor();
    await page.getByLabel('Your name').focus();
    for (let presses = 0; presses < 10; presses += 1) {
      await page.keyboard.press('Tab');
      if (await right.evaluate((node) => node === document.activeElement)) break;
    }
    expect(await right.evaluate((node) => getComputedStyle(node).outlineStyle)).to.equal('solid');
    await page.keyboard.press('Enter');
    await shows(card(page, 'hand.png').getByRole('status'), 'Confirmed: Hand');
  });
});
