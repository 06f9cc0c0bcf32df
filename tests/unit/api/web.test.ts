/** The built page: how it is served, and what is said where it is missing. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { raw, startApp, type TestApp } from './support.js';

describe('the page', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.stop());

  it('says how to build the page where it is missing', async () => {
    const response = await fetch(`${app.url}/`);
    expect([response.status, response.headers.get('content-type')]).to.deep.equal([
      503,
      'text/html; charset=utf-8',
    ]);
    expect(await response.text()).to.include('npm start');
  });

  it('serves the page for every view, hashed files for a year, and nothing outside of its folder', async () => {
    const web = join(app.folder, 'web');
    await mkdir(join(web, 'assets'), { recursive: true });
    await writeFile(join(web, 'index.html'), '<!doctype html><title>built</title>');
    await writeFile(join(web, 'assets', 'app-abc123.js'), `/*${'x'.repeat(5000)}*/`);
    await writeFile(join(app.folder, 'secret.txt'), 'secret');
    for (const path of ['/', '/runs/some-id', '/corrections']) {
      const response = await fetch(`${app.url}${path}`);
      expect(await response.text()).to.include('built');
      expect(response.headers.get('cache-control')).to.equal('no-cache');
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).to.include("script-src 'self';").and.not.include('upgrade-insecure-requests');
      expect(response.headers.get('strict-transport-security')).to.equal(null);
    }
    const script = await fetch(`${app.url}/assets/app-abc123.js`);
    expect(script.headers.get('cache-control')).to.equal('public, max-age=31536000, immutable');
    expect(script.headers.get('content-encoding')).to.match(/^(gzip|br)$/);
    for (const path of ['/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/%2e%2e/secret.txt']) {
      const answer = await raw(app, { path });
      expect(answer.body, path).not.to.equal('secret');
    }
    const head = await fetch(`${app.url}/`, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(
      createHash('sha256')
        .update(await head.text())
        .digest('hex'),
    ).to.match(/^e3b0c442/);
  });
});
