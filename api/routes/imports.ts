/** `POST imports`: takes an archive or the demo order, and streams what becomes of it as NDJSON. */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { NextFunction, Request, Response } from 'express';
import { ApiError, toApiError, toProblem } from '../errors.js';
import { requestIdOf } from '../http/context.js';
import { jsonBody, parse, type Mount } from '../http/router.js';
import type { AppPorts, ImportJob } from '../ports.js';
import { importQuerySchema } from '../query-schema.js';
import { importRequestSchema, type ImportLine, type ImportReportView } from '../schema.js';
import type { ImportReport } from '../../storage/types.js';

const ZIP_TYPES = /^application\/(zip|x-zip-compressed|octet-stream)\s*(;|$)/i;
/** At most so often a line of progress is written, in ms. */
const PROGRESS_EVERY_MS = 200;

function reportView(report: ImportReport): ImportReportView {
  return {
    ...report,
    labels: [...report.labels],
    counts: { ...report.counts },
    broken: report.broken.map((one) => ({ ...one })),
    duplicates: report.duplicates.map((one) => ({ ...one })),
    conflicts: report.conflicts.map((one) => ({ sha256: one.sha256, names: [...one.names] })),
    missingClasses: [...report.missingClasses],
  };
}

export function mountImports(
  mount: Mount,
  ports: Pick<AppPorts, 'imports' | 'metrics' | 'settings' | 'log' | 'stopping'>,
): void {
  const { imports, metrics, settings, log, stopping } = ports;
  let running = false;

  /** Streams the body into a file below `folder`. */
  async function receive(req: Request, folder: string): Promise<string> {
    const path = join(folder, 'upload.zip');
    let size = 0;
    const limit = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        if (size <= settings.archiveBytes) done(null, chunk);
        else
          done(
            new ApiError('IMPORT_TOO_LARGE', `An archive may have at most ${settings.archiveBytes} bytes.`),
          );
      },
    });
    await pipeline(req, limit, createWriteStream(path));
    if (size === 0) throw new ApiError('IMPORT_EMPTY', 'The body is empty.');
    return path;
  }

  async function answer(req: Request, res: Response, job: ImportJob): Promise<void> {
    const gone = new AbortController();
    res.once('close', () => {
      gone.abort();
    });
    res.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const line = (value: ImportLine): void => {
      if (!gone.signal.aborted) res.write(`${JSON.stringify(value)}\n`);
    };
    let lastAt = 0;
    let lastPhase = '';
    try {
      const report = await imports.run(
        job,
        (progress) => {
          const now = Date.now();
          if (
            progress.phase === lastPhase &&
            progress.done < progress.total &&
            now - lastAt < PROGRESS_EVERY_MS
          ) {
            return;
          }
          lastAt = now;
          lastPhase = progress.phase;
          line({ progress: { ...progress } });
        },
        AbortSignal.any([gone.signal, stopping]),
      );
      metrics.imports.inc({ outcome: 'done' });
      line({ report: reportView(report) });
    } catch (error) {
      const failure = toApiError(error);
      metrics.imports.inc({ outcome: failure.code });
      log.warn({ requestId: requestIdOf(req), code: failure.code, err: error }, 'import failed');
      line({ problem: toProblem(failure, requestIdOf(req)) });
    }
  }

  function jobFromJson(req: Request, res: Response, next: NextFunction): void {
    if (ZIP_TYPES.test(req.headers['content-type'] ?? '')) next();
    else jsonBody(req, res, next);
  }

  mount('createImport', jobFromJson, async (req, res) => {
    const { name } = parse(importQuerySchema, req.query);
    const isArchive = ZIP_TYPES.test(req.headers['content-type'] ?? '');
    if (!isArchive) parse(importRequestSchema, req.body);
    if (Number(req.headers['content-length'] ?? 0) > settings.archiveBytes) {
      throw new ApiError('IMPORT_TOO_LARGE', `An archive may have at most ${settings.archiveBytes} bytes.`);
    }
    if (stopping.aborted) throw new ApiError('STOPPING');
    if (running) throw new ApiError('IMPORT_RUNNING');
    running = true;
    let folder: string | null = null;
    try {
      if (!isArchive) {
        await answer(req, res, { kind: 'demo' });
      } else {
        await mkdir(settings.uploadFolder, { recursive: true });
        folder = await mkdtemp(join(settings.uploadFolder, 'import-'));
        const path = await receive(req, folder);
        await answer(req, res, {
          kind: 'archive',
          path,
          name: basename((name ?? 'upload.zip').replaceAll('\\', '/')),
        });
      }
    } finally {
      if (folder !== null) await rm(folder, { recursive: true, force: true });
      running = false;
    }
    // Ended only now, so that whoever reads the end finds room for the next import.
    res.end();
  });
}
