/** Keeps other sites' pages out: a check of the host against DNS rebinding, and of the origin of every change. */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ApiError } from '../errors.js';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
  );
}

/** Host name of a `Host` header without its port; null when it is not well formed. */
function hostName(header: string | undefined): string | null {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(header ?? '');
  return match?.[1] ?? null;
}

/**
 * Refuses requests that name a foreign host, and changes that come from a page of another origin. Clients that are no
 * browsers send no `Origin` and pass.
 * @param hosts names that are this server's own, besides every loopback name
 */
export function originGuard(hosts: readonly string[]): RequestHandler {
  const own = new Set(hosts.map((host) => host.toLowerCase()));
  return (req: Request, _res: Response, next: NextFunction) => {
    const host = req.headers.host;
    const name = hostName(host);
    if (host === undefined || name === null || !(isLoopback(name) || own.has(name.toLowerCase()))) {
      throw new ApiError('HOST_UNKNOWN');
    }
    if (!SAFE_METHODS.has(req.method)) {
      const { origin } = req.headers;
      if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
        throw new ApiError('ORIGIN_FOREIGN');
      }
      const site = req.headers['sec-fetch-site'];
      if (origin === undefined && (site === 'cross-site' || site === 'same-site')) {
        throw new ApiError('ORIGIN_FOREIGN');
      }
    }
    next();
  };
}
