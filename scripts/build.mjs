// `node scripts/build.mjs FOLDER`: makes the few files that Layerline runs from, and those of benches and tests. Types are not looked
// at here: `npm run types`.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('build: expected the folder to write into')

/** What is loaded or started by its built file says so in one of these words, and is built into a file of its own. */
const BY_NAME = [/\bbuiltFile\(\s*'([\w/-]+)'/g, /'\.\.\/dist\/([\w/-]+)\.js'/g]
/** What every start loads, what every command line does, and the database for the thread that needs nothing else: a file each, with all that they import. */
const IN_ONE_FILE = [
  { name: 'duckdb', test: /node_modules\/@duckdb\//, priority: 3 },
  { name: 'start', test: /src\/cli\/main\.ts$/, priority: 2 },
  { name: 'words', test: /src\/cli\/program\.ts$/, priority: 1 },
]
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

const program = new Set(['src/cli/main'])
const tools = new Set()
for (const name of ['src', 'bench', 'test', 'scripts'].flatMap(sourcesIn)) {
  const isTool = !name.startsWith('src/') || name.endsWith('.test.ts')
  const text = readFileSync(join(root, name), 'utf8')
  for (const [, entry] of BY_NAME.flatMap((words) => [...text.matchAll(words)])) (isTool ? tools : program).add(entry)
  if (/^bench\/[\w-]+\.ts$|^test\/[\w-]+\/main\.ts$/.test(name)) tools.add(name.slice(0, -3))
}
await bundle([...program], 'chunks')
await bundle(
  [...tools].filter((entry) => !program.has(entry)),
  'test/chunks',
)

/** Each entry becomes `<path>.js`; what several of them share, and what is loaded later, is in `chunks`. */
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

function sourcesIn(top) {
  if (!existsSync(join(root, top))) return []
  return readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !/\.test\.mjs$|^fixtures/.test(name))
    .map((name) => `${top}/${name}`)
    .sort()
}
