/** Builds the dashboard to `dist/`, which the collector embeds; also configures its unit tests. */
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The collector that `npm run dev` talks to; its certificate is usually its own CA's. */
const collector = process.env['VONG_COLLECTOR'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    // The collector's content security policy allows no `data:` fonts or scripts; files stay files.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/api': { target: collector, changeOrigin: false, secure: false } } },
  test: {
    environment: 'happy-dom',
    setupFiles: ['./src/test-setup.ts'],
    // It bounds a failure, not a success: pages wait for what they expect, and machines are busy.
    testTimeout: 60_000,
    // Tests must not depend on where they run: the dashboard shows Vietnamese time everywhere.
    env: { TZ: 'America/New_York' },
  },
});
