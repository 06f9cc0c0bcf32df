/** Connections to the server: a lazy one for clients, and a patient one for workers. */
import { setTimeout as delay } from 'node:timers/promises';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from '../config/log.js';
import type { TemporalSettings } from './settings.js';

/**
 * Options for either kind of connection. A profile file is read only when a variable asks for it: one that lies about
 * for some other cluster must not turn TLS on towards the server of this machine.
 */
export function connectionOptions(settings: TemporalSettings): NativeConnectionOptions {
  const { environment } = settings;
  const profileWanted =
    environment['TEMPORAL_CONFIG_FILE'] !== undefined || environment['TEMPORAL_PROFILE'] !== undefined;
  const { connectionOptions: options } = loadClientConnectConfig({
    overrideEnvVars: { ...environment },
    disableFile: !profileWanted,
  });
  return { ...options, address: settings.address };
}

/** A connection that reaches out at its first call and reconnects by itself; it never fails to be made. */
export function lazyConnection(settings: TemporalSettings): Connection {
  const { address, tls, apiKey, metadata } = connectionOptions(settings);
  return Connection.lazy({
    ...(address === undefined ? {} : { address }),
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(metadata === undefined ? {} : { metadata }),
    // Two short tries: a page that asks for the state of things should hear soon that the server is down.
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 3 }))],
    // gRPC would by and by wait up to two minutes before it tries a server again that has come back.
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.min_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 15_000,
    },
  });
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 3_000;

/**
 * Connects a worker; a server that does not answer yet is asked again until `patienceMs` are over or `signal` fires.
 * @throws the last failure to connect
 */
export async function connectWorker(
  settings: TemporalSettings,
  log: Logger,
  signal: AbortSignal,
  patienceMs: number,
): Promise<NativeConnection> {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const connection = await NativeConnection.connect(connectionOptions(settings));
      if (attempt > 1) log.info({ address: settings.address, attempt }, 'Temporal answers now');
      return connection;
    } catch (error) {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
      if (signal.aborted || Date.now() + pauseMs > deadline) throw error;
      log.warn(
        { address: settings.address, attempt, reason: firstLine(error), nextTryMs: pauseMs },
        'Temporal does not answer yet; trying again',
      );
      await delay(pauseMs, undefined, { signal });
    }
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? text;
}
