/** Comes last by its name: whether the tests of this room together saw a checked answer of every operation. */
import { expect } from 'chai';
import { OPERATIONS, type OperationId } from '../../../api/operations.js';
import { exercised } from './support.js';

describe('the table of operations', () => {
  it('was exercised as a whole by the tests of this room', function () {
    // Run by itself, this file has seen nothing and can say nothing.
    if (exercised.size < 10) {
      console.log('      (skipped: the other tests of this room did not run before it)');
      this.skip();
    }
    const missing = Object.keys(OPERATIONS).filter((id) => !exercised.has(id as OperationId));
    expect(missing).to.deep.equal([]);
  });
});
