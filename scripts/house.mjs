// Whether the maps of the code are true: each folder has its line, and what ARCHITECTURE.md names is there in that version.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unregistered } from './registered.mjs'
import { root } from './setup.mjs'

/** One sentence per fault. */
export function houseProblems() {
  return [...folderProblems(), ...architectureProblems(), ...unregistered()]
}

/** `src/<layer>/README.md` has a row for each folder with sources below it, and none for others. */
function folderProblems() {
  return readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const page = `src/${name}/README.md`
      if (!existsSync(join(root, page))) return [`${page}: missing; say in one line what each folder below holds`]
      const said = new Set([...read(page).matchAll(/^\| `([^`]+)` \|/gm)].map(([, folder]) => folder))
      const there = foldersBelow(join('src', name), '')
      return [
        ...there.filter((folder) => !said.has(folder)).map((folder) => `${page}: no line for \`${folder}\``),
        ...[...said].filter((folder) => !there.includes(folder)).map((folder) => `${page}: no folder \`${folder}\``),
      ]
    })
}

function foldersBelow(base, folder) {
  return readdirSync(join(root, base, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const below = folder === '' ? name : `${folder}/${name}`
      const hasSources = readdirSync(join(root, base, below)).some((file) => file.endsWith('.ts'))
      return [...(hasSources ? [below] : []), ...foldersBelow(base, below)]
    })
}

function architectureProblems() {
  const page = 'ARCHITECTURE.md'
  const text = read(page)
  const paths = [...text.matchAll(/`((?:src|test|bench|python|bpf|scripts|docs|samples|bin|web)\/[^`\s]*)`/g)].map(
    ([, path]) => path,
  )
  const missing = [...new Set(paths)].filter((path) => !/[*{}<>…]/.test(path) && !existsSync(join(root, path)))
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  const versions = Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) => {
    const [, said] = new RegExp(`\`${name.replaceAll('/', '\\/')}\`[^|]*? (\\d+(?:\\.\\d+)*)`).exec(text) ?? []
    if (said === undefined) return [`${page}: dependency ${name} is not justified with its version`]
    return /^[.-]|^$/.test(version.slice(said.length)) && version.startsWith(said)
      ? []
      : [`${page}: ${name} is ${version}, not ${said}`]
  })
  return [...missing.map((path) => `${page}: there is no ${path}`), ...versions]
}

function read(path) {
  return readFileSync(join(root, path), 'utf8')
}
