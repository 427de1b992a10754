// `node scripts/build.mjs FOLDER`: makes the few files that Layerline runs from, and those of benches and tests. Types are not looked
// at here: `npm run types`.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('build: expected the folder to write into')

/** Modules that scripts and tests load by their built file, beside what is a program of its own. */
const LOADED_BY_NAME = [
  'src/cli/commands',
  'src/cli/parse-values',
  'src/cli/program',
  'src/engines/care/install/cache',
  'src/engines/care/install/small-model',
  'src/engines/care/process/watch-parent',
  'src/engines/llamacpp/control',
  'src/engines/llamacpp/install/install-engine',
  'src/engines/llamacpp/install/pins',
  'src/engines/vllm/environment',
  'src/engines/vllm/pins',
  'src/imports/import-run',
  'src/session/recording',
  'src/session/recover-run',
  'src/sources/os/probe-sets',
  'src/store/live/live-store',
  'src/store/run-folder',
  'src/store/views/run-views',
  'src/trace/tables',
  'test/injection/results',
  'test/injection/tables',
  'test/verdict/tables',
]
/** Threads and child processes, by their files' names: `builtFile` starts them. */
const PROGRAM = /(^|\/)(main|[\w-]+-main|[\w-]+-thread)\.ts$/
/** What every start loads, and what every command line does: a file each, with all that they import. */
const IN_ONE_FILE = [
  { name: 'start', test: /src\/cli\/main\.ts$/, priority: 2 },
  { name: 'words', test: /src\/cli\/program\.ts$/, priority: 1 },
]
const BENCH = /^[\w-]+\.ts$/

/** A built module is not where its source was: src/base/package-files.ts alone asks where it is. */
const onlyOneKnowsWhere = {
  name: 'only-one-knows-where',
  transform: {
    filter: { code: /import\.meta\.(url|dirname|filename)/, id: /\.ts$/ },
    handler(_code, id) {
      if (!id.endsWith('/src/base/package-files.ts'))
        this.error(`${id}: expected packageFile or builtFile of src/base/package-files.ts in place of import.meta`)
    },
  },
}

await bundle(
  sources('src', (name) => PROGRAM.test(name)),
  'chunks',
)
await bundle(
  [
    ...LOADED_BY_NAME,
    ...sources('bench', (name) => PROGRAM.test(name) || BENCH.test(name)),
    ...sources('test', (name) => PROGRAM.test(name)),
  ],
  'test/chunks',
)

/** Each entry becomes `<path>.js`; what several of them share, and what is loaded later, stands in `chunks`. */
async function bundle(entries, chunks) {
  if (entries.length === 0) return
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map((entry) => [entry, join(root, `${entry}.ts`)])),
    platform: 'node',
    transform: { target: 'node20.19' },
    external: [/^@duckdb\/node-bindings/],
    plugins: [onlyOneKnowsWhere],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`build: ${log.message}`)
    },
  })
  await build.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${chunks}/[name]-[hash].js`,
    sourcemap: true,
    codeSplitting: { groups: IN_ONE_FILE },
  })
  await build.close()
}

function sources(top, isEntry) {
  if (!existsSync(join(root, top))) return []
  return readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && isEntry(name))
    .map((name) => `${top}/${name.slice(0, -3)}`)
    .sort()
}
