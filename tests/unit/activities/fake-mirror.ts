/** A trainer for tests that tells what it sees of its own process: niceness and names of variables. */
process.argv.push('mirror');
await import('./fake-trainer.js');
