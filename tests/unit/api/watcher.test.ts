/** The watcher of the alias: versions that are taken or refused, and starts without MLflow. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createMetrics } from '../../../api/metrics.js';
import { openServingFolder } from '../../../api/serving/files.js';
import { modelLoader } from '../../../api/serving/load.js';
import { createSlot } from '../../../api/serving/slot.js';
import { createWatcher, type Watcher } from '../../../api/serving/watcher.js';
import type { Labels } from '../../../model/types.js';
import { StorageError } from '../../../storage/errors.js';
import { fakeRegistry, version } from './fakes.js';
import { LABELS, log, writeModel } from './support.js';

const OPTIONS = { pollMs: 10, maxPollMs: 80, retryMs: 1_000, maxRetryMs: 4_000 };

describe('the watcher', () => {
  let folder: string;
  let registry: ReturnType<typeof fakeRegistry>;
  let watchers: Watcher[];
  let slots: ReturnType<typeof createSlot>[];
  let seeds: Record<string, Parameters<typeof writeModel>[2] & { seed: number }>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-serving-'));
    registry = fakeRegistry();
    watchers = [];
    slots = [];
    seeds = {};
    registry.onDownload((name, target) => writeModel(target, seeds[name]!.seed, seeds[name]));
  });
  afterEach(async () => {
    for (const watcher of watchers) await watcher.stop();
    for (const slot of slots) await slot.close();
    await rm(folder, { recursive: true, force: true });
  });

  function register(name: string, options: Parameters<typeof writeModel>[2] = {}): void {
    seeds[name] = { seed: Number(name), ...options };
    registry.versions.push(version(name, options.labels ? { labels: options.labels } : {}));
    registry.setProd(name);
  }

  function watch(
    datasetLabels: () => Promise<Labels | null> = () => Promise.resolve(LABELS),
    options = OPTIONS,
  ) {
    const slot = createSlot((error) => {
      throw error;
    });
    const metrics = createMetrics();
    const watcher = createWatcher(
      {
        registry: registry.registry,
        folder: openServingFolder(folder),
        load: modelLoader(1),
        slot,
        datasetLabels,
        metrics,
        log,
      },
      options,
    );
    watchers.push(watcher);
    slots.push(slot);
    return { slot, watcher, metrics };
  }

  it('serves nothing without an alias, then the version that it names', async () => {
    const { slot, watcher } = watch();
    await watcher.look();
    expect(slot.current()).to.equal(null);
    register('1');
    await watcher.look();
    expect(slot.view()).to.deep.include({ version: '1', labels: [...LABELS] });
  });

  it('follows the alias forth and back without a second download, and keeps only two versions', async () => {
    const { slot, watcher, metrics } = watch();
    for (const name of ['1', '2', '3']) {
      register(name);
      await watcher.look();
      expect(slot.current()?.version).to.equal(name);
    }
    registry.setProd('2');
    await watcher.look();
    expect(slot.current()?.version).to.equal('2');
    expect(registry.downloads()).to.equal(3);
    expect((await readdir(folder)).sort()).to.deep.equal(['2', '3', 'current.json']);
    expect(await metrics.registry.metrics())
      .to.include('medloop_model_swaps_total{outcome="swapped"} 4')
      .and.include('medloop_model_info{version="2"} 1')
      .and.not.include('medloop_model_info{version="3"}');
  });

  it('starts from disk without MLflow and goes on with it when it is back', async () => {
    register('1');
    await watch().watcher.look();
    registry.gate.mood = 'down';
    const { slot, watcher } = watch();
    await watcher.restore();
    expect(slot.current()?.version).to.equal('1');
    expect(await watcher.look()).to.equal(10);
    expect(await watcher.look()).to.equal(20);
    expect(await watcher.look()).to.equal(40);
    expect(await watcher.look()).to.equal(80);
    expect(await watcher.look()).to.equal(80);
    registry.gate.mood = 'ok';
    register('2');
    expect(await watcher.look()).to.equal(10);
    expect(slot.current()?.version).to.equal('2');
  });

  it('does not serve damaged files after a restart, and fetches them again', async () => {
    register('1');
    await watch().watcher.look();
    const path = join(folder, '1', 'model.onnx');
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(path, bytes);
    const { slot, watcher } = watch();
    await watcher.restore();
    expect(slot.current()).to.equal(null);
    await watcher.look();
    expect(slot.current()?.version).to.equal('1');
    expect(registry.downloads()).to.equal(2);
  });

  it('survives a damaged note of the current version', async () => {
    await writeFile(join(folder, 'current.json'), '{"version":"../../etc"}');
    const { slot, watcher } = watch();
    await watcher.restore();
    expect(slot.current()).to.equal(null);
  });

  const refusals: readonly [string, Parameters<typeof writeModel>[2], string][] = [
    ['does not give its own golden answers', { lie: true }, 'MODEL_CHECK_FAILED'],
    ['has other classes than users see', { labels: [...LABELS].reverse() }, 'MODEL_LABELS_DIFFER'],
  ];
  for (const [what, options, code] of refusals) {
    it(`keeps the old model when the new one ${what}, and does not try again at once`, async () => {
      const { slot, watcher, metrics } = watch();
      register('1');
      await watcher.look();
      register('2', options);
      for (let look = 0; look < 5; look += 1) await watcher.look();
      expect(slot.current()?.version).to.equal('1');
      expect(watcher.state().refused).to.include({ version: '2', code });
      expect(registry.downloads()).to.be.at.most(2);
      expect(await metrics.registry.metrics()).to.include(`medloop_model_swaps_total{outcome="${code}"} 1`);
      expect(await readdir(folder)).not.to.include('2');
      register('3');
      await watcher.look();
      expect(slot.current()?.version).to.equal('3');
      expect(watcher.state().refused).to.equal(null);
    });
  }

  it('refuses a model whose file has other classes than its registration says', async () => {
    const { slot, watcher } = watch();
    register('1', { labels: [...LABELS].reverse() });
    registry.versions[0] = version('1');
    await watcher.look();
    expect(slot.current()).to.equal(null);
    expect(watcher.state().refused).to.include({ code: 'MODEL_LABELS_DIFFER' });
  });

  it('takes other classes when the data set itself has them now', async () => {
    const renamed = ['A', 'B', 'C'];
    let dataset: Labels = LABELS;
    const { slot, watcher } = watch(() => Promise.resolve(dataset), { ...OPTIONS, retryMs: 0 });
    register('1');
    await watcher.look();
    register('2', { labels: renamed });
    await watcher.look();
    expect(slot.current()?.version).to.equal('1');
    dataset = renamed;
    await watcher.look();
    expect(slot.current()?.labels).to.deep.equal(renamed);
  });

  it('leaves nothing behind when a download is cut off, and tries again soon', async () => {
    const { slot, watcher } = watch(undefined, { ...OPTIONS, pollMs: 0 });
    register('1');
    let cut = true;
    registry.onDownload(async (_name, target) => {
      if (cut) {
        await writeFile(join(target, 'model.onnx'), 'half');
        throw new StorageError('MLFLOW_UNREACHABLE', 'cut off');
      }
      await writeModel(target, 1);
    });
    await watcher.look();
    expect([slot.current(), await readdir(folder)]).to.deep.equal([null, []]);
    expect(watcher.state().refused).to.include({ code: 'MLFLOW_UNREACHABLE' });
    cut = false;
    await watcher.look();
    expect(slot.current()?.version).to.equal('1');
  });

  it('refuses a version without a model file', async () => {
    const { watcher } = watch();
    register('1');
    registry.onDownload(() => Promise.resolve());
    await watcher.look();
    expect(watcher.state().refused).to.include({ code: 'MODEL_UNREADABLE' });
  });
});
