/** Corrections on a real S3 server: once, durable, and judged together. */
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import { newId, timeOf } from '../../../storage/ids.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { CorrectionId, CorrectionStore } from '../../../storage/types.js';
import { codeOf, cutOff, fakeClock, keysBelow, newBucket, png, stores, submission } from './support.js';

describe('corrections', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;
  let corrections: CorrectionStore;
  let image: Uint8Array;

  beforeEach(async () => {
    objects = await newBucket();
    ({ corrections } = stores(objects));
    image = await png(1);
  });
  afterEach(() => {
    objects.close();
  });

  it('keeps image, label, author and what was predicted', async () => {
    const given = {
      ...submission(image, 'Hand'),
      predicted: { label: 'HeadCT', modelVersion: '7' },
      comment: 'clearly five fingers',
    };
    const { correction, created } = await corrections.submit(given);
    expect(created).to.equal(true);
    const read = await corrections.get(correction.id);
    expect(read).to.deep.equal(correction);
    expect(read).to.include({
      label: 'Hand',
      author: 'ada',
      status: 'accepted',
      superseded: false,
      golden: false,
    });
    expect(read?.predicted).to.deep.equal({ label: 'HeadCT', modelVersion: '7' });
    expect(read?.comment).to.equal('clearly five fingers');
    const stored = await corrections.image(sha256Of(image));
    expect(Buffer.from(stored.body).equals(Buffer.from(image))).to.equal(true);
    expect(stored.contentType).to.equal('image/png');
  });

  it('makes one correction of twenty equal ones that come at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, () => stores(objects).corrections.submit(submission(image, 'Hand'))),
    );
    expect(new Set(results.map(({ correction }) => correction.id)).size).to.equal(1);
    expect(results.filter(({ created }) => created)).to.have.length(1);
    expect(await keysBelow(objects, 'corrections/events/')).to.have.length(1);
  });

  it('gives the first id to a repeated correction, and a new one where the author had changed their mind', async () => {
    const first = await corrections.submit(submission(image, 'Hand'));
    const again = await corrections.submit(submission(image, 'Hand'));
    expect(again.created).to.equal(false);
    expect(again.correction.id).to.equal(first.correction.id);
    const other = await corrections.submit(submission(image, 'HeadCT'));
    const back = await corrections.submit(submission(image, 'Hand'));
    expect(new Set([first, other, back].map(({ correction }) => correction.id)).size).to.equal(3);
    const standings = await Promise.all(
      [first, other, back].map(({ correction }) => corrections.get(correction.id)),
    );
    expect(standings.map((correction) => correction?.superseded)).to.deep.equal([true, true, false]);
    expect(standings.map((correction) => correction?.status)).to.deep.equal([
      'accepted',
      'accepted',
      'accepted',
    ]);
  });

  it('keeps two people apart whose words come at the same moment', async () => {
    const [one, two] = await Promise.all([
      corrections.submit(submission(image, 'Hand', 'ada')),
      corrections.submit(submission(image, 'Hand', 'bob')),
    ]);
    expect(one.correction.id).not.to.equal(two.correction.id);
    expect([one.created, two.created]).to.deep.equal([true, true]);
  });

  it('disputes an image that people see differently until a reviewer decides', async () => {
    const { correction: ada } = await corrections.submit(submission(image, 'Hand', 'ada'));
    const { correction: bob } = await corrections.submit(submission(image, 'HeadCT', 'bob'));
    const { correction: cleo } = await corrections.submit(submission(image, 'Hand', 'cleo'));
    const statuses = async (): Promise<(string | undefined)[]> =>
      (await Promise.all([ada, bob, cleo].map(({ id }) => corrections.get(id)))).map(
        (found) => found?.status,
      );
    expect(await statuses()).to.deep.equal(['disputed', 'disputed', 'disputed']);

    const reviewed = await corrections.review(bob.id, 'accept', 'rita');
    expect(reviewed.status).to.equal('accepted');
    expect(reviewed.review).to.include({ decision: 'accept', reviewer: 'rita' });
    expect(await statuses()).to.deep.equal(['rejected', 'accepted', 'rejected']);

    await corrections.review(ada.id, 'accept', 'rita');
    expect(await statuses()).to.deep.equal(['accepted', 'rejected', 'accepted']);
  });

  it('ends a dispute when a reviewer rejects one side, or when one side changes their mind', async () => {
    const { correction: ada } = await corrections.submit(submission(image, 'Hand', 'ada'));
    const { correction: bob } = await corrections.submit(submission(image, 'HeadCT', 'bob'));
    await corrections.review(bob.id, 'reject', 'rita');
    expect((await corrections.get(ada.id))?.status).to.equal('accepted');
    expect((await corrections.get(bob.id))?.status).to.equal('rejected');

    const other = await png(2);
    const { correction: first } = await corrections.submit(submission(other, 'Hand', 'ada'));
    await corrections.submit(submission(other, 'HeadCT', 'bob'));
    await corrections.submit(submission(other, 'Hand', 'bob'));
    expect((await corrections.get(first.id))?.status).to.equal('accepted');
  });

  it('shows a reviewer what was said against a decision afterwards, and keeps the decision', async () => {
    const { correction: ada } = await corrections.submit(submission(image, 'Hand', 'ada'));
    await corrections.review(ada.id, 'accept', 'rita');
    const { correction: bob } = await corrections.submit(submission(image, 'HeadCT', 'bob'));
    expect(bob.status).to.equal('disputed');
    expect((await corrections.get(ada.id))?.status).to.equal('accepted');
  });

  it('writes the same review once', async () => {
    const { correction } = await corrections.submit(submission(image, 'Hand'));
    await corrections.review(correction.id, 'reject', 'rita');
    const before = (await keysBelow(objects)).length;
    await corrections.review(correction.id, 'reject', 'rita');
    expect((await keysBelow(objects)).length).to.equal(before);
  });

  it('answers unknown ids and foreign cursors with codes', async () => {
    expect(await corrections.get(newId(Date.now()))).to.equal(null);
    expect(await corrections.get('../../etc/passwd' as CorrectionId)).to.equal(null);
    expect(await codeOf(corrections.review(newId(1), 'accept', 'rita'))).to.equal('CORRECTION_NOT_FOUND');
    expect(await codeOf(corrections.list({ limit: 5, cursor: 'zzz' }))).to.equal('CURSOR_INVALID');
    expect(await codeOf(corrections.image(sha256Of('nothing')))).to.equal('OBJECT_MISSING');
  });

  it('lists newest first, page by page, each once', async () => {
    const clock = fakeClock(Date.UTC(2026, 0, 1));
    const timed = stores(objects, { clock: clock.now }).corrections;
    const ids: CorrectionId[] = [];
    for (let i = 0; i < 25; i += 1) {
      // Hours apart, so that the journal has several folders.
      clock.add(7 * 3_600_000);
      ids.push((await timed.submit(submission(await png(100 + i), 'Hand'))).correction.id);
    }
    const listed: CorrectionId[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page = await timed.list({ limit: 10, ...(cursor === null ? {} : { cursor }) });
      listed.push(...page.corrections.map(({ id }) => id));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== null);
    expect(listed).to.deep.equal(ids.reverse());
    expect(pages).to.equal(3);
    const exact = await timed.list({ limit: 25 });
    expect(exact.corrections).to.have.length(25);
    expect(exact.nextCursor).to.equal(null);
  });

  it('lists by label, author and status', async () => {
    for (let i = 0; i < 12; i += 1) {
      const author = i % 3 === 0 ? 'bob' : 'ada';
      await corrections.submit(submission(await png(200 + i), i % 2 === 0 ? 'Hand' : 'HeadCT', author));
    }
    const disputed = await corrections.submit(submission(await png(200), 'HeadCT', 'cleo'));
    const count = async (filter: object): Promise<number> =>
      (await corrections.list({ limit: 50, ...filter })).corrections.length;
    expect(await count({ label: 'Hand' })).to.equal(6);
    expect(await count({ author: 'bob' })).to.equal(4);
    expect(await count({ label: 'HeadCT', author: 'bob' })).to.equal(2);
    expect(await count({ status: 'disputed' })).to.equal(2);
    expect(await count({ status: 'accepted' })).to.equal(11);
    const [newest] = (await corrections.list({ limit: 1, status: 'disputed' })).corrections;
    expect(newest?.id).to.equal(disputed.correction.id);
  });

  it('heals a submission that was cut off after any of its writes', async () => {
    for (const applied of [false, true]) {
      for (let writes = 0; writes < 3; writes += 1) {
        const bytes = await png(300 + writes + (applied ? 10 : 0));
        const cut = stores(cutOff(objects, writes, applied)).corrections;
        const where = `after ${writes} writes, applied: ${applied}`;
        expect(await codeOf(cut.submit(submission(bytes, 'Hand'))), where).to.equal('S3_UNREACHABLE');
        const { correction } = await corrections.submit(submission(bytes, 'Hand'));
        const again = await corrections.submit(submission(bytes, 'Hand'));
        expect(again.correction.id, where).to.equal(correction.id);
        const { corrections: listed } = await corrections.list({ limit: 100 });
        expect(
          listed.filter((found) => found.image.sha256 === sha256Of(bytes)).map(({ id }) => id),
          where,
        ).to.deep.equal([correction.id]);
      }
    }
  });

  it('heals a review that was cut off after any of its writes', async () => {
    const { correction } = await corrections.submit(submission(image, 'Hand'));
    for (const writes of [0, 1]) {
      const cut = stores(cutOff(objects, writes, false)).corrections;
      expect(await codeOf(cut.review(correction.id, 'reject', 'rita'))).to.equal('S3_UNREACHABLE');
      expect((await corrections.get(correction.id))?.status).to.equal('accepted');
    }
    expect((await corrections.review(correction.id, 'reject', 'rita')).status).to.equal('rejected');
  });

  it('gives a correction that was never acknowledged a new time when it comes again much later', async () => {
    const clock = fakeClock(Date.UTC(2026, 5, 1));
    const cut = stores(cutOff(objects, 2, false), { clock: clock.now }).corrections;
    expect(await codeOf(cut.submit(submission(image, 'Hand')))).to.equal('S3_UNREACHABLE');
    clock.add(11 * 60_000);
    const timed = stores(objects, { clock: clock.now }).corrections;
    const { correction, created } = await timed.submit(submission(image, 'Hand'));
    expect(created).to.equal(true);
    expect(timeOf(correction.id)).to.equal(clock.now());
    expect(correction.status).to.equal('accepted');
    clock.add(86_400_000);
    const again = await timed.submit(submission(image, 'Hand'));
    expect(again.created).to.equal(false);
    expect(again.correction.id).to.equal(correction.id);
  });

  it('writes an event again whose writing took so long that no snapshot would find it', async () => {
    const clock = fakeClock(Date.UTC(2026, 5, 1));
    let suspended = false;
    const slow: ClosableObjectStore = {
      ...objects,
      put: async (key, ...rest) => {
        const done = await objects.put(key, ...rest);
        if (key.includes('/events/') && !suspended) {
          suspended = true;
          clock.add(5 * 3_600_000);
        }
        return done;
      },
    };
    const { correction } = await stores(slow, { clock: clock.now }).corrections.submit(
      submission(image, 'Hand'),
    );
    expect(timeOf(correction.id)).to.be.at.least(clock.now());
  });

  it('does not let an unfinished claim of one person dispute the word of another', async () => {
    const cut = stores(cutOff(objects, 2, false)).corrections;
    expect(await codeOf(cut.submit(submission(image, 'HeadCT', 'bob')))).to.equal('S3_UNREACHABLE');
    const { correction } = await corrections.submit(submission(image, 'Hand', 'ada'));
    expect(correction.status).to.equal('accepted');
  });
});
