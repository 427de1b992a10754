import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

const BUILT = /file:\/\/\/[^\s()]+\/dist\/[^\s():]+\.js|\/[^\s()]+\/dist\/[^\s():]+\.js/
const PLACE = new RegExp(`(${BUILT.source}):(\\d+):(\\d+)`, 'g')

/**
 * A stack with the source lines instead of those of the built files. Maps are read only when an error is shown: Node's
 * own `--enable-source-maps` reads one for every file that is loaded. Frames without a map stay as they are.
 */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | null>()
  return stack.replace(PLACE, (place, file: string, line: string, column: string) => {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file
    if (!maps.has(path)) maps.set(path, mapOf(path))
    const entry = maps.get(path)?.findEntry(Number(line) - 1, Number(column) - 1)
    if (entry === undefined || !('originalSource' in entry)) return place
    return `${fileURLToPath(new URL(entry.originalSource, `file://${path}`))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}

function mapOf(path: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
  } catch {
    return null
  }
}
