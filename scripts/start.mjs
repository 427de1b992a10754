// What bin/layerline runs: sets up if needed, then hands over to the command line in this same process.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFresh } from './fingerprint.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`layerline: Node ${process.version} is too old; expected >= 20.19 (https://nodejs.org)\n`)
  process.exit(4)
}
// A worker is the same build as the process that started it.
const root = dirname(dirname(fileURLToPath(import.meta.url)))
if (process.env.LAYERLINE_WORKER === undefined && !isFresh(root)) {
  const { setup } = await import('./setup.mjs')
  setup()
}
const { main } = await import('../dist/src/cli/main.js')
await main(process.argv.slice(2))
