/** Corrections while the S3 server is killed again and again. */
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import { StorageError } from '../../../storage/errors.js';
import type { CorrectionId } from '../../../storage/types.js';
import { startS3 } from '../../support/parts.js';
import { newBucket, png, stores, submission } from './support.js';

describe('corrections in a storm', function () {
  this.timeout(60_000);

  it('loses nothing acknowledged when the server is killed under load', async () => {
    const s3 = await startS3();
    try {
      const killed = await newBucket(s3);
      const store = stores(killed).corrections;
      const acknowledged = new Map<CorrectionId, string>();
      const state: { stop: boolean; unexpected: unknown } = { stop: false, unexpected: null };
      const writer = async (number: number): Promise<void> => {
        for (let i = 0; !state.stop; i += 1) {
          const bytes = await png(10_000 + number * 1000 + i);
          try {
            const { correction } = await store.submit(submission(bytes, 'Hand'));
            acknowledged.set(correction.id, sha256Of(bytes));
          } catch (error) {
            if (!(error instanceof StorageError && error.retryable)) {
              state.unexpected = error;
              state.stop = true;
            }
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      };
      const writers = Array.from({ length: 6 }, (_, number) => writer(number));
      try {
        for (let round = 0; round < 2 && !state.stop; round += 1) {
          const before = acknowledged.size;
          const enough = (): boolean => state.stop || acknowledged.size >= before + 30;
          while (!enough()) {
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          await s3.kill9();
          await s3.restart();
        }
      } finally {
        state.stop = true;
        await Promise.all(writers);
      }
      expect(state.unexpected).to.equal(null);
      expect(acknowledged.size).to.be.at.least(60);
      for (const [id, sha256] of acknowledged) {
        const found = await store.get(id);
        expect(found?.image.sha256).to.equal(sha256);
        const stored = await store.image(found!.image.sha256);
        expect(sha256Of(stored.body)).to.equal(sha256);
      }
      killed.close();
    } finally {
      await s3.stop();
    }
  });
});
