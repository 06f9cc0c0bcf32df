/** The browser that the page is tested in. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { toolPaths } from '../../support/parts.js';

/** Path of a browser; null where there is none. */
export function browserPath(): string | null {
  try {
    return toolPaths().chromium;
  } catch {
    // Other parts are not installed, which this room does without.
    return existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : null;
  }
}

export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
}
