// Mocha's own `spec` reporter, which also writes its totals to a file for `npm test` to print last.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

class SpecWithTotals extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = options.reporterOptions?.totals ?? options.reporterOption?.totals;
    runner.once('end', () => {
      if (!file) return;
      const { passes, failures, pending } = this.stats;
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}

module.exports = SpecWithTotals;
