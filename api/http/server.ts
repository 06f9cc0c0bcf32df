/** The HTTP server under the application: its time limits, and problems for what is not even HTTP. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, toProblem, type ErrorCode } from '../errors.js';
import { PROBLEM_TYPE } from './problems.js';

const REASONS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'UPLOAD_TIMEOUT',
};

function answer(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = toProblem(new ApiError(REASONS[error.code ?? ''] ?? 'REQUEST_MALFORMED'));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} Refused\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Makes the server; it does not listen yet. */
export function createApiServer(app: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: 10_000,
      // Time for a large archive over a slow line; images have a limit of their own.
      requestTimeout: 3_600_000,
      keepAliveTimeout: 65_000,
      // A missing host is refused by the application, as a problem.
      requireHostHeader: false,
    },
    app,
  );
  server.on('clientError', answer);
  return server;
}
