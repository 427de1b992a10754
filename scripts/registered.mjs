// Whether every source is used: a file that nothing reaches from an entry point is an extension that stands in no registry.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** What Node is started with, beside what sources and scripts name as built files of their own. */
const ENTRIES = ['src/cli/main.ts']
const IMPORT = /(?:from|import\(|^import)\s*['"](\.{1,2}\/[^'"]+\.ts)['"]/gm
const IN_SCRIPTS = /'\.\.\/dist\/(src\/[\w/-]+)\.js'/g
const BUILT = /builtFile\(\s*'([^']+)'/g

/** Sources, tests left out, that nothing reaches: one sentence each. */
export function unregistered(base = root) {
  const sources = readdirSync(join(base, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const reached = new Set()
  const open = [...ENTRIES, ...builtForScripts(base)].filter((name) => sources.includes(name))
  while (open.length > 0) {
    const name = open.pop()
    if (reached.has(name)) continue
    reached.add(name)
    const text = readFileSync(join(base, name), 'utf8')
    for (const [, to] of text.matchAll(IMPORT)) open.push(normalize(join(dirname(name), to)).replaceAll('\\', '/'))
    for (const [, built] of text.matchAll(BUILT)) if (sources.includes(`${built}.ts`)) open.push(`${built}.ts`)
  }
  return sources
    .filter((name) => !reached.has(name))
    .map((name) => `${name}: nothing reaches it: put it into the registry of its kind (ARCHITECTURE.md), or remove it`)
}

/** Docs are made from the code: what only they use is used. */
function builtForScripts(base) {
  const folder = join(base, 'scripts')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.mjs') && !name.endsWith('.test.mjs'))
    .flatMap((name) =>
      [...readFileSync(join(folder, name), 'utf8').matchAll(IN_SCRIPTS)].map(([, built]) => `${built}.ts`),
    )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = unregistered()
  for (const problem of problems) process.stderr.write(`registered: ${problem}\n`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
