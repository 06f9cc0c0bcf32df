/** Reads uploaded images into memory within limits: per file, per request and for the whole process. */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import multer, { type StorageEngine } from 'multer';
import { ModelError } from '../../model/errors.js';
import { ApiError } from '../errors.js';
import type { UploadLimits } from '../ports.js';

/** One file of a multipart request: its bytes, or why they were not kept. */
export interface Upload {
  readonly name: string;
  readonly bytes: Uint8Array | ModelError;
}

const UPLOAD_TIMEOUT_MS = 60_000;
/** Boundaries, part headers and text fields of a request that is full to its limit. */
const MULTIPART_OVERHEAD_BYTES = 1_000_000;

interface Held {
  bytes: number;
}

/** What one request holds, given back when its answer is done. */
const heldBy = new WeakMap<Request, Held>();

/** What the storage adds to multer's own description of a file. */
interface StoredFile extends Express.Multer.File {
  readonly failure?: ModelError;
}

function tooLarge(fileBytes: number): ModelError {
  return new ModelError('IMAGE_TOO_LARGE', `The file has more than ${fileBytes} bytes.`);
}

/**
 * Like multer's memory storage, but a file over the limit is passed over and reported in its place, so that the other
 * files of the request are still answered; and the process never holds more than `heldBytes` of uploads.
 */
function boundedMemory(limits: UploadLimits): StorageEngine {
  let processBytes = 0;
  return {
    _handleFile(req, file, done) {
      let held = heldBy.get(req);
      if (!held) {
        const started: Held = { bytes: 0 };
        held = started;
        heldBy.set(req, started);
        req.res?.once('close', () => {
          processBytes -= started.bytes;
          started.bytes = 0;
        });
      }
      const ours = held;
      let chunks: Buffer[] = [];
      let size = 0;
      let failure: ApiError | null = null;
      file.stream.on('data', (chunk: Buffer) => {
        if (failure) return;
        size += chunk.length;
        if (size > limits.fileBytes) {
          chunks = [];
          return;
        }
        ours.bytes += chunk.length;
        processBytes += chunk.length;
        if (ours.bytes > limits.requestBytes) {
          failure = new ApiError('BODY_TOO_LARGE', `The files have more than ${limits.requestBytes} bytes.`);
        } else if (processBytes > limits.heldBytes) {
          failure = new ApiError('OVERLOADED', undefined, { retryAfterSeconds: 2 });
        } else {
          chunks.push(chunk);
        }
      });
      file.stream.on('end', () => {
        if (failure) {
          done(failure);
          return;
        }
        const [first] = chunks;
        // Small files come in one piece, which is then used as it is.
        const buffer = chunks.length === 1 && first ? first : Buffer.concat(chunks);
        const stored: Partial<StoredFile> =
          size > limits.fileBytes ? { size, failure: tooLarge(limits.fileBytes) } : { size, buffer };
        done(null, stored);
      });
      file.stream.on('error', (error: Error) => {
        done(error);
      });
    },
    _removeFile(_req, _file, done) {
      done(null);
    },
  };
}

const uploads = new WeakMap<Request, readonly Upload[]>();

/** The files that `imageUpload` read. */
export function uploadsOf(req: Request): readonly Upload[] {
  return uploads.get(req) ?? [];
}

/**
 * Reads the files of the field `image` (at most `files`) and the text fields into `req.body`.
 * Fails with the catalogue's codes for bodies of another type, without a file, or over a limit.
 */
export function imageUpload(limits: UploadLimits): (files: number) => RequestHandler {
  const storage = boundedMemory(limits);
  return (files) => {
    const middleware = multer({
      storage,
      limits: {
        files,
        fields: 10,
        fieldSize: 8_000,
        fieldNameSize: 100,
        parts: files + 10,
        headerPairs: 20,
        fieldNestingDepth: 0,
      },
      defParamCharset: 'utf8',
    }).fields([{ name: 'image', maxCount: files }]);
    return (req: Request, res: Response, next: NextFunction) => {
      if (!/^multipart\/form-data\s*;/i.test(req.headers['content-type'] ?? '')) {
        throw new ApiError('BODY_UNSUPPORTED', 'Send the image as multipart/form-data in the field `image`.');
      }
      if (Number(req.headers['content-length'] ?? 0) > limits.requestBytes + MULTIPART_OVERHEAD_BYTES) {
        throw new ApiError('BODY_TOO_LARGE', `A request may have at most ${limits.requestBytes} bytes.`);
      }
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        next(new ApiError('UPLOAD_TIMEOUT'));
      }, UPLOAD_TIMEOUT_MS);
      middleware(req, res, (error?: unknown) => {
        clearTimeout(timer);
        if (timedOut) return;
        if (error !== undefined && error !== null) {
          next(error);
          return;
        }
        const found = filesOf(req).map((file) => ({
          name: file.originalname,
          bytes: file.failure ?? file.buffer,
        }));
        if (found.length === 0) {
          next(new ApiError('NO_IMAGE'));
          return;
        }
        uploads.set(req, found);
        next();
      });
    };
  };
}

function filesOf(req: Request): readonly StoredFile[] {
  if (!req.files || Array.isArray(req.files)) return [];
  return req.files.image ?? [];
}
