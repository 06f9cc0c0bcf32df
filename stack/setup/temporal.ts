/** The Temporal command with its single-machine server: the official download, else a Go build of the same version. */
import { chmodSync, createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { z } from 'zod';
import { StackError } from '../errors.js';
import { findTemporal, isUsableTemporal, temporalFile } from '../find.js';
import { VERSIONS } from '../versions.js';
import { putInPlace, runnerFor, workFolder, type SetupContext } from './context.js';
import type { Part, Say } from './ensure.js';
import { buildWithGo } from './go.js';

/** Packages that one build compiled. */
const PACKAGES = 1082;
/** How long nothing may arrive before the download is given up. */
const SILENCE_MS = 10_000;

/** The same address and answer that the SDK uses for its own test server. */
const DOWNLOAD_URL = 'https://temporal.download/cli';
const downloadInfo = z.object({ archiveUrl: z.url(), fileToExtract: z.string() });

export function temporalPart(context: SetupContext, downloadUrl: string = DOWNLOAD_URL): Part {
  const target = temporalFile(context.tools);
  return {
    name: 'temporal',
    title: `Temporal CLI ${VERSIONS.temporal} (server ${VERSIONS.temporalServer})`,
    find: () => findTemporal(context),
    files: (path) => [path],
    verify: (path) =>
      isUsableTemporal(path)
        ? Promise.resolve()
        : Promise.reject(
            new StackError(
              'VERIFY_FAILED',
              `${path} does not run as a temporal command with server ${VERSIONS.temporalServer} or later. Set MEDLOOP_TEMPORAL_BIN to one that does.`,
            ),
          ),
    install: async (say) => {
      try {
        await download(context, downloadUrl, target, say);
      } catch {
        // No way out to the download is common (closed networks); the Go build needs only the module proxy.
        await buildWithGo(
          context,
          {
            name: 'temporal',
            source: `github.com/temporalio/cli/cmd/temporal@v${VERSIONS.temporal}`,
            packages: PACKAGES,
            target,
          },
          say,
        );
      }
    },
  };
}

async function download(context: SetupContext, url: string, target: string, say: Say): Promise<void> {
  say('asking for the official download');
  const query = new URLSearchParams({
    arch: context.arch === 'x64' ? 'amd64' : context.arch,
    platform: context.platform,
    format: 'tar.gz',
  });
  const answer = await fetch(`${url}/v${VERSIONS.temporal}?${query.toString()}`, {
    signal: AbortSignal.timeout(SILENCE_MS),
  });
  if (!answer.ok) throw new Error(`the download service answered ${answer.status}`);
  const info = downloadInfo.parse(await answer.json());
  const folder = workFolder(context, 'temporal');
  const archive = join(folder, 'temporal.tar.gz');
  await fetchToFile(info.archiveUrl, archive, say);
  const runner = runnerFor(context, 'temporal-download');
  await runner.run({
    file: 'tar',
    args: ['-xzf', archive, '-C', folder, info.fileToExtract],
    env: context.env,
  });
  const extracted = join(folder, info.fileToExtract);
  chmodSync(extracted, 0o755);
  if (!isUsableTemporal(extracted)) throw new Error('the downloaded command does not run');
  putInPlace(extracted, target);
  rmSync(folder, { recursive: true, force: true });
}

/** Streams a file to disk; fails when nothing arrives for a while, however long the whole may take. */
async function fetchToFile(url: string, path: string, say: Say): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new Error('nothing arrived'));
  }, SILENCE_MS);
  try {
    const answer = await fetch(url, { signal: silence.signal });
    if (!answer.ok || answer.body === null) throw new Error(`the download answered ${answer.status}`);
    const total = Number(answer.headers.get('content-length') ?? 0);
    let received = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        say('downloading', total > 0 ? received / total : undefined);
        timer.refresh();
        done(null, chunk);
      },
    });
    await pipeline(
      Readable.fromWeb(answer.body as ReadableStream<Uint8Array>),
      count,
      createWriteStream(path),
    );
  } finally {
    clearTimeout(timer);
  }
}
