/** From gRPC's and Temporal's failures to the room's table. */
import { isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { TemporalError } from './errors.js';

/** gRPC status codes that are told apart here (numbers of the gRPC specification). */
export const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const UNREACHABLE: readonly number[] = [
  GRPC.cancelled,
  GRPC.deadlineExceeded,
  GRPC.resourceExhausted,
  GRPC.unavailable,
];
const DENIED: readonly number[] = [GRPC.permissionDenied, GRPC.unauthenticated];

/** The gRPC status code of a failure or of one of its causes. */
export function grpcCode(error: unknown): number | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return at.code;
  }
  return undefined;
}

/** What the server itself says, without gRPC's number and name before it. */
export function grpcDetails(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return at.details;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The table's error for a failed call; one of the table passes as it is. */
export function toTemporalError(error: unknown, address: string): TemporalError {
  if (error instanceof TemporalError) return error;
  const code = grpcCode(error);
  if (code !== undefined && UNREACHABLE.includes(code)) {
    return new TemporalError(
      'TEMPORAL_UNREACHABLE',
      `The Temporal server at ${address} does not answer: ${grpcDetails(error)}`,
      { cause: error },
    );
  }
  const strange =
    error instanceof NamespaceNotFoundError ||
    (code === GRPC.notFound && grpcDetails(error).startsWith('Namespace'));
  if (strange || (code !== undefined && DENIED.includes(code))) {
    return new TemporalError(
      'TEMPORAL_DENIED',
      `The Temporal server at ${address} refused: ${grpcDetails(error)}`,
      { cause: error },
    );
  }
  return new TemporalError(
    'TEMPORAL_UNEXPECTED',
    `The Temporal server at ${address} answered: ${grpcDetails(error)}`,
    {
      cause: error,
    },
  );
}
