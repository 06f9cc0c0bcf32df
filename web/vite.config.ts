/** How the page is built: `npx vite build -c web/vite.config.ts` writes static files to dist/web. */
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  plugins: [react()],
  build: {
    outDir: join(import.meta.dirname, '..', 'dist', 'web'),
    emptyOutDir: true,
    target: ['chrome111', 'firefox114', 'safari16.4'],
    // Nothing inlined as data: URIs or scripts, so that a strict content security policy needs no exceptions.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licences.md' },
    reportCompressedSize: false,
    // Before compression; what counts is the compressed first load, which a test measures.
    chunkSizeWarningLimit: 800,
  },
});
