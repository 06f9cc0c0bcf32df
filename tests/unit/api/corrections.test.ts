/** Corrections over HTTP: nothing is acknowledged that is not stored, nothing stored that cannot be trained on. */
import { expect } from 'chai';
import type { CorrectionReceipt, CorrectionWithFate, CorrectionsPage } from '../../../api/schema.js';
import { isExam } from '../../../model/labels.js';
import type { Sha256 } from '../../../model/types.js';
import type { CorrectionId, SnapshotId } from '../../../storage/types.js';
import { snapshot } from './fakes.js';
import { form, LABELS, picture, sha256, startApp, version, type TestApp } from './support.js';

const PATH = '/api/v1/corrections';

describe('corrections', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
    await app.serve('1', 3);
  });
  afterEach(() => app.stop());

  const send = (bytes: Uint8Array, fields: Record<string, string>) =>
    app.call('createCorrection', PATH, { method: 'POST', body: form([{ name: 'x.jpg', bytes }], fields) });

  it('stores the bytes as they came and answers 201 with a receipt', async () => {
    const bytes = await picture(1);
    const answer = await send(bytes, {
      label: 'Hand',
      predictedLabel: 'CXR',
      modelVersion: '1',
      comment: 'five fingers',
      author: ' Ada ',
    });
    expect(answer.status).to.equal(201);
    const receipt = answer.body as CorrectionReceipt;
    expect(receipt).to.include({ label: 'Hand', status: 'accepted' });
    expect(receipt.image.sha256).to.equal(sha256(bytes));
    expect(answer.headers.get('location')).to.equal(`${PATH}/${receipt.id}`);
    const [kept] = app.corrections.kept;
    expect(kept).to.deep.include({
      author: 'Ada',
      comment: 'five fingers',
      predicted: { label: 'CXR', modelVersion: '1' },
    });
    expect(kept!.image).to.deep.equal({
      sha256: sha256(bytes),
      contentType: 'image/jpeg',
      sizeBytes: bytes.length,
    });
    expect(Buffer.from(app.corrections.images.get(sha256(bytes))!).equals(bytes)).to.equal(true);
  });

  it('answers 200 with the first id when the same is said again', async () => {
    const bytes = await picture(2);
    const first = await send(bytes, { label: 'Hand' });
    const second = await send(bytes, { label: 'Hand' });
    expect([first.status, second.status]).to.deep.equal([201, 200]);
    expect(second.body).to.deep.equal(first.body);
    expect((await send(bytes, { label: 'Hand', author: 'someone else' })).status).to.equal(201);
  });

  it('takes form fields that were left empty as not given', async () => {
    const answer = await send(await picture(9), {
      label: 'Hand',
      comment: '',
      author: '',
      predictedLabel: '',
    });
    expect(answer.status).to.equal(201);
    expect(app.corrections.kept[0]).to.include({ author: 'anonymous', comment: null, predicted: null });
  });

  it('takes `none` for an image that shows no class', async () => {
    expect((await send(await picture(3), { label: 'none' })).status).to.equal(201);
  });

  it('refuses a label that does not exist and names those that do', async () => {
    const answer = await send(await picture(1), { label: 'Foot' });
    expect([answer.status, answer.problem?.code]).to.deep.equal([400, 'LABEL_UNKNOWN']);
    expect((answer.body as { labels: string[] }).labels).to.deep.equal([...LABELS, 'none']);
    expect(app.corrections.kept).to.have.length(0);
  });

  it('refuses fields that are missing or too long, naming them', async () => {
    const missing = await send(await picture(1), {});
    expect([missing.status, missing.problem?.code]).to.deep.equal([400, 'REQUEST_INVALID']);
    expect(missing.problem?.issues?.map((issue) => issue.path)).to.deep.equal(['label']);
    const long = await send(await picture(1), { label: 'Hand', comment: 'x'.repeat(2001) });
    expect(long.problem?.issues?.map((issue) => issue.path)).to.deep.equal(['comment']);
    const longer = await send(await picture(1), { label: 'Hand', comment: 'x'.repeat(9000) });
    expect([longer.status, longer.problem?.code]).to.deep.equal([400, 'FIELD_LIMIT']);
    const twice = form([{ name: 'x', bytes: await picture(1) }], { label: 'Hand' });
    twice.append('label', 'CXR');
    const doubled = await app.call('createCorrection', PATH, { method: 'POST', body: twice });
    expect([doubled.status, doubled.problem?.code]).to.deep.equal([400, 'REQUEST_INVALID']);
  });

  it('stores nothing that the service cannot read', async () => {
    const good = await picture(1);
    for (const [bytes, code] of [
      [Buffer.from('text'), 'IMAGE_UNSUPPORTED'],
      [new Uint8Array(0), 'IMAGE_EMPTY'],
      [good.subarray(0, good.length / 2), 'IMAGE_UNREADABLE'],
      [new Uint8Array(200_001), 'IMAGE_TOO_LARGE'],
    ] as const) {
      expect((await send(bytes, { label: 'Hand' })).problem?.code).to.equal(code);
    }
    expect(app.corrections.kept).to.have.length(0);
  });

  it('takes one image at a time', async () => {
    const bytes = await picture(1);
    const body = form(
      [
        { name: 'a', bytes },
        { name: 'b', bytes },
      ],
      { label: 'Hand' },
    );
    const answer = await app.call('createCorrection', PATH, { method: 'POST', body });
    expect([answer.status, answer.problem?.code]).to.deep.equal([413, 'TOO_MANY_FILES']);
  });

  it('answers 503 and never 201 when S3 is down or does not answer in time', async () => {
    app.corrections.gate.mood = 'down';
    const down = await send(await picture(1), { label: 'Hand' });
    expect([down.status, down.problem?.code]).to.deep.equal([503, 'S3_UNREACHABLE']);
    expect(down.problem?.detail).not.to.include('10.0.0.1');
    app.corrections.gate.mood = 'hanging';
    const late = await send(await picture(1), { label: 'Hand' });
    expect([late.status, late.problem?.code]).to.deep.equal([503, 'PART_TIMEOUT']);
    expect(app.corrections.kept).to.have.length(0);
  });

  it('takes the classes of the data set before the first model, and says so when there are none either', async () => {
    const bare = await startApp();
    try {
      const body = async () => form([{ name: 'x', bytes: await picture(1) }], { label: 'Hand' });
      const call = async () => bare.call('createCorrection', PATH, { method: 'POST', body: await body() });
      expect((await call()).status).to.equal(201);
    } finally {
      await bare.stop();
    }
    const empty = await startApp();
    empty.snapshots.chain.length = 0;
    try {
      const body = form([{ name: 'x', bytes: await picture(1) }], { label: 'Hand' });
      const answer = await empty.call('createCorrection', PATH, { method: 'POST', body });
      expect([answer.status, answer.problem?.code]).to.deep.equal([503, 'NO_LABELS']);
    } finally {
      await empty.stop();
    }
  });

  it('lists newest first, in pages and by filter', async () => {
    for (const [seed, label] of [
      [1, 'Hand'],
      [2, 'CXR'],
      [3, 'Hand'],
    ] as const) {
      await send(await picture(seed), { label });
    }
    const first = (await app.call('listCorrections', `${PATH}?limit=2`)).body as CorrectionsPage;
    expect(first.corrections.map((one) => one.label)).to.deep.equal(['Hand', 'CXR']);
    const rest = (await app.call('listCorrections', `${PATH}?limit=2&cursor=${first.nextCursor}`))
      .body as CorrectionsPage;
    expect([rest.corrections.length, rest.nextCursor]).to.deep.equal([1, null]);
    const hands = (await app.call('listCorrections', `${PATH}?label=Hand`)).body as CorrectionsPage;
    expect(hands.corrections).to.have.length(2);
    for (const query of ['limit=0', 'limit=many', 'limit=201', 'status=unsure']) {
      const answer = await app.call('listCorrections', `${PATH}?${query}`);
      expect(answer.problem?.code).to.equal('REQUEST_INVALID');
    }
  });

  it('gives the image back as bytes that no browser takes for a page', async () => {
    const bytes = await picture(4, 'png');
    const { id } = (await send(bytes, { label: 'Hand' })).body as CorrectionReceipt;
    const answer = await app.call('getCorrectionImage', `${PATH}/${id}/image`);
    expect((answer.body as Buffer).equals(bytes)).to.equal(true);
    expect(answer.headers.get('content-type')).to.equal('image/png');
    expect(answer.headers.get('x-content-type-options')).to.equal('nosniff');
    expect(answer.headers.get('content-security-policy')).to.equal("default-src 'none'; sandbox");
    const again = await fetch(`${app.url}${PATH}/${id}/image`, {
      headers: { 'if-none-match': answer.headers.get('etag')! },
    });
    expect(again.status).to.equal(304);
  });

  it('takes a review and refuses one that is none', async () => {
    const { id } = (await send(await picture(5), { label: 'Hand' })).body as CorrectionReceipt;
    const review = (path: string, body: string) =>
      app.call('reviewCorrection', `${PATH}/${path}/review`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    const answer = await review(id, '{"decision":"reject","reviewer":"Grace"}');
    expect(answer.body).to.deep.include({ status: 'rejected' });
    expect((await review(id, '{"decision":"maybe"}')).problem?.code).to.equal('REQUEST_INVALID');
    expect((await review(id, '{"decision":')).problem?.code).to.equal('JSON_INVALID');
    const unknown = await review('01ARZ3NDEKTSV4RRFFQ69G5FAV', '{"decision":"accept"}');
    expect([unknown.status, unknown.problem?.code]).to.deep.equal([404, 'CORRECTION_NOT_FOUND']);
  });

  it('answers 404 for a correction that does not exist and 400 for an id that is none', async () => {
    const unknown = await app.call('getCorrection', `${PATH}/01ARZ3NDEKTSV4RRFFQ69G5FAV`);
    expect([unknown.status, unknown.problem?.code]).to.deep.equal([404, 'CORRECTION_NOT_FOUND']);
    const wrong = await app.call('getCorrection', `${PATH}/..%2fsecrets`);
    expect([wrong.status, wrong.problem?.code]).to.deep.equal([400, 'REQUEST_INVALID']);
  });

  describe('fate', () => {
    let id: string;
    let seed = 100;
    const fate = async () =>
      ((await app.call('getCorrection', `${PATH}/${id}`)).body as CorrectionWithFate).fate;

    /** Sends a correction of which it is known whether its digest is in the exam share. */
    async function sent(exam: boolean, fields: Record<string, string> = { label: 'Hand' }): Promise<void> {
      for (;;) {
        const bytes = await picture((seed += 1));
        if (isExam(sha256(bytes) as Sha256) !== exam) continue;
        id = ((await send(bytes, fields)).body as CorrectionReceipt).id;
        return;
      }
    }

    function taken(number: string, exam: number): void {
      const one = snapshot(number, LABELS);
      app.snapshots.taken.set(id as CorrectionId, {
        ...one,
        counts: { ...one.counts, exam: { Hand: exam } },
      });
    }

    const trained = (number: string, on: string, verdict: 'promote' | 'refuse' = 'promote') =>
      version(number, { snapshot: on as SnapshotId, verdict });

    it('is open before any snapshot, with what the model answers now', async () => {
      await sent(false);
      const found = await fate();
      expect(found).to.deep.include({ snapshot: null, learnedIn: null, unknown: [] });
      expect(found.answersNow?.version).to.equal('1');
      expect(LABELS).to.include(found.answersNow?.label);
    });

    it('names the first promoted version that was trained on the snapshot or a later one', async () => {
      await sent(false);
      taken('00000003', 4);
      app.registry.versions.push(
        trained('10', '00000004'),
        trained('9', '00000003'),
        trained('8', '00000003', 'refuse'),
        trained('7', '00000002'),
      );
      expect(await fate()).to.deep.include({ snapshot: '00000003', learnedIn: '9' });
    });

    it('counts a correction that was kept for the exam as learned one snapshot later', async () => {
      await sent(true);
      taken('00000003', 4);
      app.registry.versions.push(trained('10', '00000004'), trained('9', '00000003'));
      expect((await fate()).learnedIn).to.equal('10');
    });

    it('counts it at once where the snapshot kept no exam', async () => {
      await sent(true);
      taken('00000003', 0);
      app.registry.versions.push(trained('10', '00000004'), trained('9', '00000003'));
      expect((await fate()).learnedIn).to.equal('9');
    });

    it('is never learned where the label is `none`', async () => {
      await sent(false, { label: 'none' });
      taken('00000003', 0);
      app.registry.versions.push(trained('9', '00000003'));
      expect(await fate()).to.deep.include({ snapshot: '00000003', learnedIn: null, unknown: [] });
    });

    it('names what it cannot know while MLflow is down or no model is there', async () => {
      await sent(false);
      taken('00000003', 0);
      app.registry.gate.mood = 'down';
      expect(await fate()).to.deep.include({ snapshot: '00000003', learnedIn: null, unknown: ['learnedIn'] });
      app.registry.gate.mood = 'ok';
      await app.ports.slot.close();
      expect(await fate()).to.deep.include({ answersNow: null, unknown: ['answersNow'] });
    });
  });
});
