// Whether the built program matches the current sources. Each start in a checkout checks it, so it costs one look at
// each file and no more.
import { readdirSync, readFileSync, statSync } from 'node:fs'

/** What the build is made of. */
const FOLDERS = ['src', 'web', 'bench', 'test/injection', 'test/kills', 'test/paced-server', 'test/verdict']
const FILES = ['package-lock.json', 'scripts/build.mjs', 'scripts/build-web.mjs']

/** True where dist/ is made of these sources and node_modules of this lock file, and in a package, which has no sources. */
export function isFresh(root) {
  if (statSync(`${root}/src`, { throwIfNoEntry: false }) === undefined) return true
  const built = readOr(`${root}/dist/.built`)
  return built !== '' && built === builtMark(root)
}

/** Of an installation and a build: the lock file that was installed, and every source's path, size and time. */
export function builtMark(root) {
  const lines = [readOr(`${root}/node_modules/.layerline-lock`)]
  for (const name of FILES) lines.push(lineOf(root, name))
  for (const folder of FOLDERS) addFolder(root, folder, lines)
  return lines.join('\n')
}

export function readOr(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function addFolder(root, folder, lines) {
  let entries
  try {
    entries = readdirSync(`${root}/${folder}`, { withFileTypes: true })
  } catch {
    return
  }
  for (const entry of entries) {
    const name = `${folder}/${entry.name}`
    if (entry.isDirectory()) addFolder(root, name, lines)
    else if (/(?<!\.test)\.tsx?$|\.(json|css|html|svg)$/.test(entry.name)) lines.push(lineOf(root, name))
  }
}

function lineOf(root, name) {
  const stat = statSync(`${root}/${name}`, { throwIfNoEntry: false })
  return `${name} ${stat?.size} ${stat?.mtimeMs}`
}
