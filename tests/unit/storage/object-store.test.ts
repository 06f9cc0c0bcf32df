/** The object store on a real S3 server, in fair weather and in foul. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { createObjectStore, type ClosableObjectStore } from '../../../storage/object-store.js';
import { toStorageError } from '../../../storage/s3-errors.js';
import { freePort, startS3, toolPaths, type TestS3 } from '../../support/parts.js';
import { codeOf, keysBelow, newBucket, sharedS3, withFolder, withSmallDisk } from './support.js';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('object store', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;

  before(async () => {
    objects = await newBucket();
  });
  after(() => {
    objects.close();
  });

  it('writes, reads, finds, lists and removes', async () => {
    const { etag } = await objects.put('a/b.txt', 'content', { contentType: 'text/plain' });
    const stored = await objects.get('a/b.txt');
    expect(text(stored.body)).to.equal('content');
    expect(stored).to.include({ etag, contentType: 'text/plain' });
    expect(await objects.has('a/b.txt')).to.equal(true);
    expect(await keysBelow(objects, 'a/')).to.deep.equal(['a/b.txt']);
    await objects.remove('a/b.txt');
    await objects.remove('a/b.txt');
    expect(await objects.has('a/b.txt')).to.equal(false);
    expect(await codeOf(objects.get('a/b.txt'))).to.equal('OBJECT_MISSING');
    expect(await codeOf(objects.getFile('a/b.txt', '/nowhere/b'))).to.equal('OBJECT_MISSING');
  });

  it('lets exactly one of many writers be first, and exactly one change a known state', async () => {
    const first = await Promise.all(
      Array.from({ length: 15 }, (_, i) => codeOf(objects.put('race/first', String(i), { ifAbsent: true }))),
    );
    expect(first.filter((code) => code === 'no error')).to.have.length(1);
    expect(first.filter((code) => code === 'OBJECT_EXISTS')).to.have.length(14);
    const { etag } = await objects.get('race/first');
    const changed = await Promise.all(
      Array.from({ length: 15 }, (_, i) => codeOf(objects.put('race/first', `x${i}`, { ifMatch: etag }))),
    );
    expect(changed.filter((code) => code === 'no error')).to.have.length(1);
    expect(changed.filter((code) => code === 'OBJECT_CHANGED')).to.have.length(14);
    expect(await codeOf(objects.put('race/none', 'x', { ifMatch: etag }))).to.equal('OBJECT_CHANGED');
  });

  it('lists beyond one page, in order, and from a key on', async () => {
    const names = Array.from({ length: 1150 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
    const { fsyncRoot } = await sharedS3();
    // Laid down beside the server, which keeps plain files: a thousand uploads would only take longer.
    const [bucket] = (await keysOfBucket(objects)).slice(-1);
    await mkdir(join(fsyncRoot, bucket!, 'many'), { recursive: true });
    await Promise.all(names.map((name) => writeFile(join(fsyncRoot, bucket!, name), 'x')));
    expect(await keysBelow(objects, 'many/')).to.deep.equal(names);
    const after: string[] = [];
    for await (const { key } of objects.list('many/', 'many/01100')) after.push(key);
    expect(after).to.deep.equal(names.slice(1101));
  });

  it('moves files whole, with their bytes checked on both ways', async () => {
    await withFolder(async (folder) => {
      const bytes = Buffer.alloc(3_000_000, 'medloop ');
      await writeFile(join(folder, 'up'), bytes);
      await objects.putFile('files/one', join(folder, 'up'), { ifAbsent: true });
      expect(await codeOf(objects.putFile('files/one', join(folder, 'up'), { ifAbsent: true }))).to.equal(
        'OBJECT_EXISTS',
      );
      await objects.getFile('files/one', join(folder, 'deep', 'down'));
      expect((await readFile(join(folder, 'deep', 'down'))).equals(bytes)).to.equal(true);
      await writeFile(join(folder, 'empty'), '');
      await objects.putFile('files/empty', join(folder, 'empty'));
      await objects.getFile('files/empty', join(folder, 'empty-down'));
      expect((await stat(join(folder, 'empty-down'))).size).to.equal(0);
    });
  });

  it('says that a large object is there already, also when many write it at once', async () => {
    const body = Buffer.alloc(1_500_000, 7);
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => codeOf(objects.put('large/one', body, { ifAbsent: true }))),
    );
    expect(codes.filter((code) => code === 'OBJECT_EXISTS').length).to.be.at.least(5);
    for (let i = 0; i < 5; i += 1) {
      expect(await codeOf(objects.put('large/one', body, { ifAbsent: true }))).to.equal('OBJECT_EXISTS');
    }
  });

  it('notices bytes that rotted on the server', async () => {
    const { fsyncRoot } = await sharedS3();
    const [bucket] = await keysOfBucket(objects);
    await objects.put('rot/a', 'good bytes');
    await writeFile(join(fsyncRoot, bucket!, 'rot', 'a'), 'evil bytes');
    expect(await codeOf(objects.get('rot/a'))).to.equal('OBJECT_CORRUPT');
    await withFolder(async (folder) => {
      const path = join(folder, 'a');
      expect(await codeOf(objects.getFile('rot/a', path))).to.equal('OBJECT_CORRUPT');
      expect(existsSync(path)).to.equal(false);
    });
  });

  it('makes a bucket once, and says when it is not there', async () => {
    const { url, region, credentials } = await sharedS3();
    const settings = {
      endpoint: url,
      region,
      ...credentials,
      bucket: `late-${process.pid}`,
      fsyncRoot: null,
    };
    const late = createObjectStore(settings);
    expect(await codeOf(late.ping())).to.equal('OBJECT_MISSING');
    expect(await codeOf(late.put('a', 'b'))).to.equal('OBJECT_MISSING');
    await Promise.all([late.ensureBucket(), late.ensureBucket(), late.ensureBucket()]);
    await late.ensureBucket();
    await late.ping();
    late.close();
  });

  it('says when the credentials are refused', async () => {
    const { url, region } = await sharedS3();
    const stranger = createObjectStore({
      ...{ endpoint: url, region, accessKeyId: 'testaccesskey', secretAccessKey: 'wrong' },
      ...{ bucket: 'medloop', fsyncRoot: null },
    });
    expect(await codeOf(stranger.get('a'))).to.equal('S3_DENIED');
    expect(await codeOf(stranger.put('a', 'b'))).to.equal('S3_DENIED');
    expect(await codeOf(stranger.ping())).to.equal('S3_DENIED');
    stranger.close();
  });

  it('refuses to acknowledge what it cannot sync to disk', async () => {
    const { url, region, credentials } = await sharedS3();
    await withFolder(async (folder) => {
      const wrong = createObjectStore({
        ...{ endpoint: url, region, ...credentials },
        ...{ bucket: 'medloop', fsyncRoot: folder },
      });
      expect(await codeOf(wrong.put('not/synced', 'x'))).to.equal('S3_UNREACHABLE');
      wrong.close();
    });
  });

  it('knows what an error of the client means', () => {
    const from = (name: string, status: number | undefined, message = ''): string => {
      const error = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
      return toStorageError(error, 'test').code;
    };
    expect(from('InsufficientStorage', 507)).to.equal('S3_FULL');
    expect(from('InternalError', 500, 'write: no space left on device')).to.equal('S3_FULL');
    expect(from('QuotaExceeded', 403)).to.equal('S3_FULL');
    expect(from('AccessDenied', 403)).to.equal('S3_DENIED');
    expect(from('InternalError', 500)).to.equal('S3_UNREACHABLE');
    expect(from('SlowDown', 503)).to.equal('S3_UNREACHABLE');
    expect(from('TimeoutError', undefined)).to.equal('S3_UNREACHABLE');
    expect(() => toStorageError(new TypeError('a fault of the program'), 'test')).to.throw(TypeError);
  });

  describe('without a server that answers', () => {
    let s3: TestS3;
    before(async () => {
      s3 = await startS3();
    });
    after(async () => {
      await s3.stop();
    });

    const within = async (call: () => Promise<unknown>): Promise<{ code: string; inTime: boolean }> => {
      const limit = new Promise<string>((resolve) => setTimeout(resolve, 14_000, 'too late').unref());
      const code = await Promise.race([codeOf(call()), limit]);
      return { code, inTime: code !== 'too late' };
    };

    it('fails soon when nobody listens', async () => {
      const port = await freePort();
      const none = createObjectStore({
        ...{ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' },
        ...{ accessKeyId: 'a', secretAccessKey: 'b', bucket: 'medloop', fsyncRoot: null },
      });
      expect(await within(() => none.get('a'))).to.deep.equal({ code: 'S3_UNREACHABLE', inTime: true });
      none.close();
    });

    it('fails soon when the server accepts and then says nothing, for every kind of call', async () => {
      const sockets = new Set<{ destroy(): void }>();
      const mute = createServer((socket) => sockets.add(socket));
      const port = await new Promise<number>((resolve) => {
        mute.listen(0, '127.0.0.1', () => {
          const address = mute.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      });
      const store = createObjectStore({
        ...{ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' },
        ...{ accessKeyId: 'a', secretAccessKey: 'b', bucket: 'medloop', fsyncRoot: null },
      });
      const results = await Promise.all(
        [
          () => store.get('a'),
          () => store.put('a', 'b'),
          () => store.has('a'),
          () => store.ping(),
          () => keysBelow(store, 'a/'),
        ].map(within),
      );
      for (const result of results) expect(result).to.deep.equal({ code: 'S3_UNREACHABLE', inTime: true });
      store.close();
      for (const socket of sockets) socket.destroy();
      mute.close();
    });

    it('comes back by itself after the server was killed', async () => {
      const store = await newBucket(s3);
      await store.put('a/b', 'before');
      await s3.kill9();
      expect(await codeOf(store.get('a/b'))).to.equal('S3_UNREACHABLE');
      await s3.restart();
      expect(text((await store.get('a/b')).body)).to.equal('before');
      store.close();
    });
  });

  it('says that the server is full when its disk is', async function () {
    await withSmallDisk(this, 1024, async (folder) => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const listen = ['--port', `127.0.0.1:${port}`, '--quiet', '--health', '/health', 'posix', folder];
      const server = spawn(toolPaths().versitygw, listen, {
        env: { ROOT_ACCESS_KEY: 'full', ROOT_SECRET_KEY: 'fullsecret' },
        stdio: 'ignore',
      });
      try {
        const healthy = async (): Promise<boolean> =>
          (await fetch(`${url}/health`).catch(() => null))?.ok ?? false;
        while (!(await healthy())) await new Promise((resolve) => setTimeout(resolve, 50));
        const store = createObjectStore({
          ...{ endpoint: url, region: 'us-east-1', accessKeyId: 'full', secretAccessKey: 'fullsecret' },
          ...{ bucket: 'small-disk', fsyncRoot: folder },
        });
        await store.ensureBucket();
        await store.put('small', 'fits');
        expect(await codeOf(store.put('large', Buffer.alloc(3_000_000)))).to.equal('S3_FULL');
        expect(await store.has('large')).to.equal(false);
        store.close();
      } finally {
        server.kill('SIGKILL');
        await once(server, 'exit');
      }
    });
  });
});

/** Bucket folders of the shared server that belong to this store. */
async function keysOfBucket(objects: ClosableObjectStore): Promise<string[]> {
  const { fsyncRoot } = await sharedS3();
  await objects.put('which-bucket', 'here');
  const found: string[] = [];
  for (const name of await readdir(fsyncRoot)) {
    const there = await stat(join(fsyncRoot, name, 'which-bucket')).catch(() => null);
    if (there !== null) found.push(name);
  }
  await objects.remove('which-bucket');
  return found;
}
