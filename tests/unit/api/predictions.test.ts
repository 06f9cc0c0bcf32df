/** `POST /api/v1/predictions` over real HTTP, with real decoding and a real ONNX model. */
import { expect } from 'chai';
import sharp from 'sharp';
import type { Prediction, Predictions } from '../../../api/schema.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { referenceAnswer, smallNetwork } from '../model/small-network.js';
import { form, LABELS, picture, sha256, startApp, type TestApp } from './support.js';

const PATH = '/api/v1/predictions';
const post = (body: FormData) => ({ method: 'POST', body });

describe('predictions', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp();
    await app.serve('7', 3);
  });
  after(() => app.stop());

  it('answers with the probabilities of the network for the pixels that training sees', async () => {
    const bytes = await picture(11);
    const answer = await app.call('createPredictions', PATH, post(form([{ name: 'hand.jpg', bytes }])));
    expect(answer.status).to.equal(200);
    const [item] = (answer.body as Predictions).predictions as Prediction[];
    const { pixels } = await createPreprocessor({ maxBytes: 1e6, maxPixels: 1e6 }).toModelInput(bytes);
    const expected = referenceAnswer(smallNetwork(LABELS, 3), pixels);
    LABELS.forEach((label, index) => {
      expect(item!.probabilities[label]).to.be.closeTo(expected[index]!, 1e-5);
    });
    expect(Object.keys(item!.probabilities)).to.deep.equal([...LABELS]);
    expect(item!.label).to.equal(LABELS[expected.indexOf(Math.max(...expected))]);
    expect(item!.confidence).to.equal(item!.probabilities[item!.label]);
    expect(item!.image).to.deep.equal({ name: 'hand.jpg', sha256: sha256(bytes), width: 64, height: 64 });
    expect(item!.model).to.deep.equal({ name: 'medical-mnist', version: '7' });
  });

  it('answers 32 files in their order, each as it is answered alone', async () => {
    const files = await Promise.all(
      Array.from({ length: 32 }, async (_, index) => ({
        name: `image ${index} é.png`,
        bytes: await picture(index, 'png'),
      })),
    );
    const together = await app.call('createPredictions', PATH, post(form(files)));
    const items = (together.body as Predictions).predictions as Prediction[];
    expect(items.map((item) => item.image.name)).to.deep.equal(files.map((file) => file.name));
    const alone = await app.call('createPredictions', PATH, post(form([files[17]!])));
    const [single] = (alone.body as Predictions).predictions as Prediction[];
    for (const label of LABELS) {
      expect(items[17]!.probabilities[label]).to.be.closeTo(single!.probabilities[label]!, 1e-6);
    }
  });

  it('reports a file that cannot be read in its place and answers the others', async () => {
    const good = await picture(1);
    const files = [
      { name: 'good.jpg', bytes: good },
      { name: 'text.jpg', bytes: Buffer.from('no image at all') },
      { name: 'empty.png', bytes: Buffer.alloc(0) },
      { name: 'cut.jpg', bytes: good.subarray(0, good.length / 2) },
      { name: 'huge.jpg', bytes: Buffer.alloc(200_001) },
      { name: 'last.png', bytes: await picture(2, 'png') },
    ];
    const answer = await app.call('createPredictions', PATH, post(form(files)));
    expect(answer.status).to.equal(200);
    const outcomes = (answer.body as Predictions).predictions.map((item) =>
      'problem' in item ? item.problem.code : 'answered',
    );
    expect(outcomes).to.deep.equal([
      'answered',
      'IMAGE_UNSUPPORTED',
      'IMAGE_EMPTY',
      'IMAGE_UNREADABLE',
      'IMAGE_TOO_LARGE',
      'answered',
    ]);
  });

  const alone: readonly [string, () => Promise<Uint8Array>, number, string][] = [
    ['an empty file', () => Promise.resolve(new Uint8Array(0)), 400, 'IMAGE_EMPTY'],
    ['a text', () => Promise.resolve(Buffer.from('hello')), 415, 'IMAGE_UNSUPPORTED'],
    [
      'an SVG',
      () => Promise.resolve(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
      415,
      'IMAGE_UNSUPPORTED',
    ],
    ['a file of too many bytes', () => Promise.resolve(new Uint8Array(200_001)), 413, 'IMAGE_TOO_LARGE'],
    [
      'an image of too many pixels',
      () =>
        sharp({ create: { width: 1001, height: 1000, channels: 3, background: '#000' } })
          .png()
          .toBuffer(),
      413,
      'IMAGE_TOO_LARGE',
    ],
  ];
  for (const [what, make, status, code] of alone) {
    it(`refuses ${what} alone with ${code}`, async () => {
      const answer = await app.call(
        'createPredictions',
        PATH,
        post(form([{ name: 'x', bytes: await make() }])),
      );
      expect([answer.status, answer.problem?.code]).to.deep.equal([status, code]);
    });
  }

  it('refuses a request without a file', async () => {
    const answer = await app.call('createPredictions', PATH, post(form([], { label: 'Hand' })));
    expect([answer.status, answer.problem?.code]).to.deep.equal([400, 'NO_IMAGE']);
  });

  it('refuses a file in another field', async () => {
    const data = new FormData();
    data.append('picture', new Blob([(await picture(1)) as Uint8Array<ArrayBuffer>]), 'a.jpg');
    const answer = await app.call('createPredictions', PATH, post(data));
    expect([answer.status, answer.problem?.code]).to.deep.equal([400, 'FIELD_UNEXPECTED']);
  });

  it('refuses more than 32 files', async () => {
    const bytes = await picture(1);
    const files = Array.from({ length: 33 }, (_, index) => ({ name: `${index}`, bytes }));
    const answer = await app.call('createPredictions', PATH, post(form(files)));
    expect([answer.status, answer.problem?.code]).to.deep.equal([413, 'TOO_MANY_FILES']);
  });

  it('refuses a request whose files together are over the limit', async () => {
    const files = Array.from({ length: 11 }, (_, index) => ({
      name: `${index}`,
      bytes: Buffer.alloc(199_000),
    }));
    const answer = await app.call('createPredictions', PATH, post(form(files)));
    expect([answer.status, answer.problem?.code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
  });

  it('refuses a body that is no multipart form', async () => {
    const json = await app.call('createPredictions', PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([json.status, json.problem?.code]).to.deep.equal([415, 'BODY_UNSUPPORTED']);
    const none = await app.call('createPredictions', PATH, { method: 'POST' });
    expect([none.status, none.problem?.code]).to.deep.equal([415, 'BODY_UNSUPPORTED']);
  });

  it('refuses a multipart body that is cut off or has no boundary', async () => {
    for (const [type, body] of [
      [
        'multipart/form-data; boundary=x',
        '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc',
      ],
      ['multipart/form-data; charset=utf-8', 'abc'],
      ['multipart/form-data; boundary=x', 'nothing of the kind'],
    ] as const) {
      const answer = await app.call('createPredictions', PATH, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect([answer.status, answer.problem?.code]).to.deep.equal([400, 'MULTIPART_INVALID']);
    }
  });

  it('keeps its hold on uploads balanced: after many refusals there is room again', async () => {
    const files = Array.from({ length: 5 }, (_, index) => ({
      name: `${index}`,
      bytes: Buffer.alloc(190_000, 1),
    }));
    for (let round = 0; round < 10; round += 1) {
      const refused = await app.call('createPredictions', PATH, post(form(files)));
      expect(refused.problem?.code).to.equal('IMAGE_UNSUPPORTED');
    }
    const answer = await app.call(
      'createPredictions',
      PATH,
      post(form([{ name: 'a', bytes: await picture(5) }])),
    );
    expect(answer.status).to.equal(200);
  });

  it('goes on answering while S3, MLflow and Temporal are down', async () => {
    app.corrections.gate.mood = app.snapshots.gate.mood = 'down';
    app.registry.gate.mood = app.temporal.gate.mood = 'hanging';
    try {
      const answer = await app.call(
        'createPredictions',
        PATH,
        post(form([{ name: 'a', bytes: await picture(5) }])),
      );
      expect(answer.status).to.equal(200);
    } finally {
      app.corrections.gate.mood = app.snapshots.gate.mood = 'ok';
      app.registry.gate.mood = app.temporal.gate.mood = 'ok';
    }
  });

  it('says 503 before the first model is loaded', async () => {
    const empty = await startApp();
    try {
      const answer = await empty.call(
        'createPredictions',
        PATH,
        post(form([{ name: 'a', bytes: await picture(1) }])),
      );
      expect([answer.status, answer.problem?.code]).to.deep.equal([503, 'NO_MODEL']);
      expect(answer.headers.get('retry-after')).to.equal('5');
    } finally {
      await empty.stop();
    }
  });

  it('refuses with Retry-After when too many images wait, and recovers', async () => {
    const held: (() => void)[] = [];
    const preprocessor = createPreprocessor({ maxBytes: 1e6, maxPixels: 1e6 });
    const busy = await startApp({
      maxWaiting: 2,
      ports: {
        decode: async (bytes) => {
          await new Promise<void>((resolve) => held.push(resolve));
          return preprocessor.toModelInput(bytes);
        },
      },
    });
    try {
      await busy.serve('1', 1);
      const bytes = await picture(1);
      const waiting = [1, 2].map(() =>
        busy.call('createPredictions', PATH, post(form([{ name: 'a', bytes }]))),
      );
      while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
      const refused = await busy.call('createPredictions', PATH, post(form([{ name: 'b', bytes }])));
      expect([refused.status, refused.problem?.code]).to.deep.equal([503, 'OVERLOADED']);
      expect(refused.headers.get('retry-after')).to.equal('1');
      held.forEach((release) => {
        release();
      });
      expect((await Promise.all(waiting)).map((answer) => answer.status)).to.deep.equal([200, 200]);
      const later = busy.call('createPredictions', PATH, post(form([{ name: 'c', bytes }])));
      while (held.length < 3) await new Promise((resolve) => setImmediate(resolve));
      held[2]!();
      expect((await later).status).to.equal(200);
    } finally {
      await busy.stop();
    }
  });
});
