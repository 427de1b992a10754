// What bin/layerline runs: sets up if needed, then hands over to the command line in this same process.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`layerline: Node ${process.version} is too old; expected >= 20.19 (https://nodejs.org)\n`)
  process.exit(4)
}
const { setup } = await import('./setup.mjs')
setup()
const { main } = await import('../dist/src/cli/main.js')
await main(process.argv.slice(2))
