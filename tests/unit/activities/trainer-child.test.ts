/** The real trainer process, spoken to as its parent does. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { trainerEnvironment } from '../../../model/training/environment.js';
import { MINIMUM_FULL_STEPS } from '../../../model/training/settings.js';
import type { TrainerJob, TrainerMessage } from '../../../model/types.js';
import { jobFor, rowsOf, temporaryFolder, writePatterns } from '../model/training/patterns.js';

const SCRIPT = new URL('../../../activities/training/child.js', import.meta.url);

interface Trainer {
  readonly child: ChildProcess;
  readonly messages: TrainerMessage[];
  readonly printed: () => string;
  next(type: TrainerMessage['type']): Promise<TrainerMessage>;
  ended(): Promise<number | null>;
}

describe('the trainer process', function () {
  this.timeout(120_000);
  let root: string;
  let job: TrainerJob;
  const started: ChildProcess[] = [];

  before(async () => {
    root = await temporaryFolder();
    const rows = [
      ...rowsOf(6, { split: 'train' }),
      ...rowsOf(2, { split: 'validation' }),
      ...rowsOf(2, { split: 'golden' }),
    ];
    job = jobFor(writePatterns(join(root, 'data'), [rows]), '');
  });

  after(() => {
    for (const child of started) child.kill('SIGKILL');
    rmSync(root, { recursive: true });
  });

  it('stopped and resumed in another process, ends with the same weights as one that was left alone', async () => {
    const alone = start(await inFolder());
    const first = await inFolder();
    const stopped = start(first);
    await stopped.next('progress');
    stopped.child.send({ type: 'stop' });
    const answer = await stopped.next('stopped');
    expect(await stopped.ended()).to.equal(0);
    if (answer.type !== 'stopped' || answer.folder === null) throw new Error('It left no checkpoint.');
    expect(answer.step).to.be.within(1, MINIMUM_FULL_STEPS - 1);
    expect(answer.folder).to.equal(join(first.workFolder, `checkpoint-${answer.step}`));

    const resumed = start({ ...(await inFolder()), resumeFrom: answer.folder });
    const results = await Promise.all(
      [alone, resumed].map(async (trainer) => {
        const done = await trainer.next('done');
        expect(await trainer.ended()).to.equal(0);
        if (done.type !== 'done') throw new Error('It did not end.');
        return done.result;
      }),
    );
    const [one, two] = results.map(({ folder }) => readFileSync(join(folder, 'tfjs', 'weights.bin')));
    expect(one!.equals(two!)).to.equal(true);
    expect(alone.messages[0]).to.deep.equal({ type: 'ready' });
    expect(alone.printed()).to.equal('');
  });

  it('leaves Ctrl-C to its parent, and goes when its parent is gone', async () => {
    const trainer = start(await inFolder());
    await trainer.next('progress');
    trainer.child.kill('SIGINT');
    await trainer.next('progress');
    trainer.child.disconnect();
    expect(await trainer.ended()).to.equal(0);
    expect(trainer.messages.some(({ type }) => type === 'done' || type === 'failed')).to.equal(false);
  });

  it('says in a code and a sentence what is wrong with its data', async () => {
    const dataset = { ...job.dataset, examplesPath: join(root, 'nothing.jsonl') };
    const trainer = start({ ...(await inFolder()), dataset });
    const failed = await trainer.next('failed');
    expect(failed).to.deep.include({ type: 'failed', code: 'DATASET_INVALID' });
    expect(await trainer.ended()).to.equal(1);
  });

  it('stopped before it was told what to do, has nothing to keep', async () => {
    const trainer = start(null);
    trainer.child.send({ type: 'stop' });
    expect(await trainer.next('stopped')).to.deep.equal({ type: 'stopped', folder: null, step: 0 });
    expect(await trainer.ended()).to.equal(0);
  });

  async function inFolder(): Promise<TrainerJob> {
    return { ...job, workFolder: await temporaryFolder(root) };
  }

  /** Sends the job at once, without waiting for `ready`, as a hurried parent would. */
  function start(first: TrainerJob | null): Trainer {
    const child = fork(SCRIPT, [], {
      // eslint-disable-next-line no-restricted-properties -- what the parent hands on
      env: { ...process.env, ...trainerEnvironment(1) },
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    });
    started.push(child);
    const messages: TrainerMessage[] = [];
    let printed = '';
    let seen = 0;
    child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.on('message', (message) => messages.push(message as TrainerMessage));
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (first) child.send({ type: 'start', job: first });
    return {
      child,
      messages,
      printed: () => printed,
      async next(type) {
        for (;;) {
          const index = messages.findIndex((message, position) => position >= seen && message.type === type);
          if (index >= 0) {
            seen = index + 1;
            return messages[index]!;
          }
          if (child.exitCode !== null)
            throw new Error(`It ended without "${type}": ${JSON.stringify(messages.at(-1))}`);
          await Promise.race([once(child, 'message'), exit]);
        }
      },
      ended: () => exit,
    };
  }
});
