import { expect } from 'chai';
import { createWorld, ended, failure, startRig, until, type Registry, type Rig } from './rig.js';

const BY = { by: 'ann', why: 'a test' };
const ofThree = (): Registry => ({ prod: '2', previous: '1', versions: ['1', '2', '3'] });

describe('promotion', function () {
  this.timeout(60_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig.stop());

  it('moves the alias to a version and verifies it', async () => {
    const world = createWorld({}, ofThree());
    const client = rig.medloop(world);
    const outcome = await rig.withWorkers(world, () => client.promote({ version: '3', ...BY }));
    expect(outcome).to.deep.include({ version: '3', previous: '2', verified: true, movedBack: false });
    expect(world.registry).to.deep.include({ prod: '3', previous: '2' });
    expect(world.inputs('promoteModel')).to.deep.equal([
      { model: 'medical-mnist', version: '3', expected: '2', ...BY },
    ]);
  });

  it('goes back to the version that `previous` names, and forth again', async () => {
    const world = createWorld({}, ofThree());
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      expect(await client.rollback(BY)).to.deep.include({ version: '1', previous: '2', verified: true });
      expect(world.registry.prod).to.equal('1');
      expect(await client.rollback(BY)).to.deep.include({ version: '2', previous: '1', verified: true });
    });
    expect(world.registry.prod).to.equal('2');
  });

  it('has nothing to roll back to after the first version', async () => {
    const world = createWorld({}, { prod: '1', previous: null, versions: ['1'] });
    const refusal: unknown = await rig
      .medloop(world)
      .rollback(BY)
      .catch((error: unknown) => error);
    expect(refusal).to.include({ code: 'NOTHING_TO_ROLL_BACK' });
  });

  it('knows no version that is not registered', async () => {
    const world = createWorld({}, ofThree());
    const refusal: unknown = await rig
      .medloop(world)
      .promote({ version: '9', ...BY })
      .catch((error: unknown) => error);
    expect(refusal).to.include({ code: 'VERSION_UNKNOWN' });
    expect(world.calls).to.deep.equal([]);
  });

  it('moves the alias back when serving does not confirm the version, and says so', async () => {
    const world = createWorld(
      { verifyServing: () => ({ verified: false, details: ['http://a cannot load version 3.'] }) },
      ofThree(),
    );
    const client = rig.medloop(world);
    const outcome = await rig.withWorkers(world, () => client.promote({ version: '3', ...BY }));
    expect(outcome).to.deep.include({ version: '3', verified: false, movedBack: true });
    expect(outcome.details).to.deep.equal(['http://a cannot load version 3.', 'The alias is back at 2.']);
    expect(world.registry.prod).to.equal('2');
  });

  it('leaves the alias alone when the version in service is promoted again and not confirmed', async () => {
    const world = createWorld({ verifyServing: () => ({ verified: false, details: [] }) }, ofThree());
    const client = rig.medloop(world);
    const outcome = await rig.withWorkers(world, () => client.promote({ version: '2', ...BY }));
    expect(outcome).to.deep.include({ verified: false, movedBack: false });
    expect(world.registry).to.deep.include({ prod: '2', previous: '1' });
  });

  it('fails when the alias was moved by someone else in between', async () => {
    const world = createWorld(
      {
        promoteModel: () => {
          throw failure('ALIAS_MOVED', 'prod is at 3 and not at 2');
        },
      },
      ofThree(),
    );
    const client = rig.medloop(world);
    const refusal: unknown = await rig.withWorkers(world, () =>
      client.promote({ version: '1', ...BY }).catch((error: unknown) => error),
    );
    expect(refusal).to.include({ code: 'PROMOTION_FAILED' });
    expect((refusal as Error).message).to.contain('prod is at 3 and not at 2');
  });

  it('allows one promotion at a time', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const world = createWorld(
      {
        verifyServing: async () => {
          await held;
          return { verified: true, details: [] };
        },
      },
      ofThree(),
    );
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      const first = client.promote({ version: '3', ...BY });
      await until(() => (world.inputs('verifyServing').length > 0 ? true : null));
      const second: unknown = await client.promote({ version: '1', ...BY }).catch((error: unknown) => error);
      expect(second).to.include({ code: 'PROMOTION_IN_PROGRESS' });
      release();
      expect(await first).to.include({ verified: true });
    });
    expect(world.registry.prod).to.equal('3');
  });

  it('is refused while a retrain is moving the alias', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const world = createWorld({
      verifyServing: async () => {
        await held;
        return { verified: true, details: [] };
      },
    });
    const client = rig.medloop(world);
    await rig.withWorkers(world, async () => {
      const { id } = await client.startRetrain({ mode: 'warm', trigger: 'manual', requestedBy: 'ann' });
      await until(() => (world.inputs('verifyServing').length > 0 ? true : null));
      const refusal: unknown = await client.promote({ version: '1', ...BY }).catch((error: unknown) => error);
      expect(refusal).to.include({ code: 'PROMOTION_IN_PROGRESS', runId: id });
      release();
      await ended(client, id);
    });
    expect(world.registry.prod).to.equal('2');
  });

  it('gives up waiting in time when no worker comes, and says that the move goes on', async () => {
    const world = createWorld({}, ofThree());
    const client = rig.medloop(world, { promotionDeadlineMs: 500 });
    const refusal: unknown = await client.promote({ version: '3', ...BY }).catch((error: unknown) => error);
    expect(refusal).to.include({ code: 'PROMOTION_IN_PROGRESS' });
    await rig.raw.workflow.getHandle('promotion/medical-mnist').terminate();
  });
});
