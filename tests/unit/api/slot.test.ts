/** The serving slot: leases, and swaps under load. */
import { expect } from 'chai';
import type { Prediction, Predictions } from '../../../api/schema.js';
import { createSlot, type ServedModel } from '../../../api/serving/slot.js';
import { unfamiliarity } from '../../../api/serving/unfamiliar.js';
import { form, LABELS, picture, startApp } from './support.js';

describe('the serving slot', () => {
  const model = (name: string, closed: string[]): ServedModel => ({
    version: name,
    labels: LABELS,
    synthetic: false,
    predict: () => Promise.resolve(new Float32Array(6)),
    close: () => {
      closed.push(name);
      return Promise.resolve();
    },
  });
  const fail = (error: unknown) => {
    throw error;
  };

  it('closes a replaced model only after its last lease, and once', async () => {
    const closed: string[] = [];
    const slot = createSlot(fail);
    slot.swap(model('1', closed));
    const [first, second] = [slot.acquire()!, slot.acquire()!];
    slot.swap(model('2', closed));
    expect([first.model.version, slot.acquire()!.model.version]).to.deep.equal(['1', '2']);
    first.release();
    first.release();
    await slot.settled();
    expect(closed).to.deep.equal([]);
    second.release();
    await slot.settled();
    expect(closed).to.deep.equal(['1']);
  });

  it('reports a model that cannot be closed and goes on', async () => {
    const errors: unknown[] = [];
    const slot = createSlot((error) => errors.push(error));
    slot.swap({ ...model('1', []), close: () => Promise.reject(new Error('native')) });
    slot.swap(model('2', []));
    await slot.settled();
    expect(errors).to.have.length(1);
    expect(slot.current()?.version).to.equal('2');
  });

  it('scores how spread the probabilities are, from 0 to 1', () => {
    expect(unfamiliarity([1, 0, 0])).to.equal(0);
    expect(unfamiliarity([1 / 3, 1 / 3, 1 / 3])).to.be.closeTo(1, 1e-12);
    expect(unfamiliarity([0.5, 0.5, 0])).to.be.within(0.5, 0.7);
    expect(unfamiliarity([1])).to.equal(0);
  });
});

describe('swaps under load', () => {
  it('lose no request and never mix two versions in one answer', async function () {
    this.timeout(60_000);
    const app = await startApp();
    let done = false;
    try {
      const seeds: Record<string, number> = {};
      const bytes = await picture(42);
      const expected: Record<string, Record<string, number>> = {};
      const ask = async (files: number): Promise<Prediction[]> => {
        const body = form(Array.from({ length: files }, (_, index) => ({ name: `${index}`, bytes })));
        const answer = await app.call('createPredictions', '/api/v1/predictions', { method: 'POST', body });
        expect(answer.status).to.equal(200);
        return (answer.body as Predictions).predictions as Prediction[];
      };
      for (const name of ['1', '2', '3']) {
        seeds[name] = Number(name) * 7;
        await app.serve(name, seeds[name]);
        expected[name] = (await ask(1))[0]!.probabilities;
      }
      const seen = new Set<string>();
      const clients = Array.from({ length: 4 }, async (_, client) => {
        let requests = 0;
        while (!done) {
          const items = await ask(client + 1);
          const name = items[0]!.model.version;
          seen.add(name);
          for (const item of items) {
            expect(item.model.version).to.equal(name);
            for (const label of LABELS) {
              expect(item.probabilities[label]).to.be.closeTo(expected[name]![label]!, 1e-6);
            }
          }
          requests += 1;
        }
        return requests;
      });
      for (let swap = 0; swap < 20; swap += 1) {
        const name = String((swap % 3) + 1);
        await app.serve(name, seeds[name]!);
        await ask(1);
      }
      done = true;
      const requests = await Promise.all(clients);
      expect(Math.min(...requests)).to.be.above(0);
      expect([...seen].sort()).to.deep.equal(['1', '2', '3']);
      await app.ports.slot.settled();
    } finally {
      done = true;
      await app.stop();
    }
  });
});
