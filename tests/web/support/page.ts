/** Opens the built page in a browser against the played API, and watches for what must not happen there. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { projectRoot } from '../../../config/paths.js';
import { browserPath, launchBrowser } from './browser.js';
import type { FakeApi } from './fake-api.js';

export interface OpenOptions {
  readonly path?: string;
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** The browser of one test file with everything that a test opened in it. */
export class PageTester {
  #browser: Browser | null = null;
  readonly #contexts: BrowserContext[] = [];
  readonly #apis: FakeApi[] = [];
  /** Errors thrown in the page and violations of the content security policy. */
  readonly errors: string[] = [];

  /** Builds the page if needed and starts the browser; false where there is none. */
  async begin(): Promise<boolean> {
    const path = browserPath();
    if (path === null) {
      console.log('    (skipped: no browser was found; npm test installs one where it can)');
      return false;
    }
    const module = pathToFileURL(join(projectRoot(), 'bin', 'build-web.mjs')).href;
    const { buildWeb } = (await import(module)) as { buildWeb: () => Promise<boolean> };
    await buildWeb();
    this.#browser = await launchBrowser(path);
    return true;
  }

  async end(): Promise<void> {
    await this.#browser?.close();
  }

  /** Starts the API and opens the page on it. */
  async open(api: FakeApi, options: OpenOptions = {}): Promise<Page> {
    this.#apis.push(api);
    await api.start();
    const context = await this.#browser!.newContext({
      viewport: { width: options.width ?? 1280, height: options.height ?? 900 },
      colorScheme: options.scheme ?? 'light',
      reducedMotion: 'reduce',
    });
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) this.errors.push(message.text());
    });
    await page.goto(`${api.url}${options.path ?? '/'}`);
    return page;
  }

  /** Closes what the test opened; answers with the errors that the page had. */
  async tidy(): Promise<readonly string[]> {
    for (const context of this.#contexts.splice(0)) await context.close();
    for (const api of this.#apis.splice(0)) await api.stop();
    return this.errors.splice(0);
  }
}

export interface UploadFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export async function choose(page: Page, files: readonly UploadFile[]): Promise<void> {
  await page.getByLabel('Images', { exact: true }).setInputFiles([...files]);
}

/** The card of a file. */
export function card(page: Page, fileName: string): Locator {
  return page.getByRole('article', { name: `Result for ${fileName}`, exact: true });
}

/** Resolves when the text is there; fails with what was there instead. */
export async function shows(where: Locator, text: string | RegExp): Promise<void> {
  await where
    .getByText(text)
    .first()
    .waitFor({ state: 'visible', timeout: 15_000 })
    .catch(async () => {
      throw new Error(`expected ${String(text)}, but there is: ${await where.innerText()}`);
    });
}
