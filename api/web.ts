/** Serves the built page: hashed files for a year, the page itself checked each time, every view by its own address. */
import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import compression from 'compression';
import express, { type Express, type Request, type Response } from 'express';
import { ApiError } from './errors.js';

const HOW_TO_BUILD = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Medloop</title>
<h1>The page has not been built yet</h1>
<p>The API is running. Build the page with <code>npm start</code>, or with
<code>npx vite build -c web/vite.config.ts</code>, and load this address again.</p></html>
`;

/** True for addresses of the API, which never get the page. */
function isApi(path: string): boolean {
  return /^\/(api|auth)(\/|$)/.test(path);
}

/** @param folder with `index.html` and `assets/`; looked for at each request, so that a later build is found */
export function mountWeb(app: Express, folder: string): void {
  const files = express.static(folder, {
    index: false,
    dotfiles: 'ignore',
    setHeaders(res, path) {
      const hashed = path.startsWith(join(folder, 'assets') + sep);
      res.setHeader('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  const page = join(folder, 'index.html');
  const squeeze = compression();

  function sendPage(_req: Request, res: Response): void {
    res.setHeader('cache-control', 'no-cache');
    if (existsSync(page)) {
      res.sendFile(page, { cacheControl: false });
      return;
    }
    res.status(503).type('html').send(HOW_TO_BUILD);
  }

  app.use((req, res, next) => {
    if ((req.method !== 'GET' && req.method !== 'HEAD') || isApi(req.path)) {
      next();
      return;
    }
    squeeze(req, res, () => {
      files(req, res, (error?: unknown) => {
        if (error !== undefined && error !== null) next(error);
        // A view's address has no file ending; a missing picture or script must not be answered with a page.
        else if (/\.[A-Za-z0-9]+$/.test(req.path)) next(new ApiError('ROUTE_NOT_FOUND'));
        else sendPage(req, res);
      });
    });
  });
}
