// Builds web/ into a folder: `node scripts/build-web.mjs OUT`. Plain Node; vite and its parts come from the lockfile.
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../web', import.meta.url))

/** Bundles the page: no source from elsewhere, names that change with what a file holds. */
export async function buildWeb(out) {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: resolve(out),
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: { input: join(root, 'index.html') },
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildWeb(process.argv[2] ?? 'dist/web')
