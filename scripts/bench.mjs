// `npm run bench -- NAME [options]`: builds if needed and runs one bench; without a name, lists them.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

setup()
const folder = join(root, 'dist', 'bench')
const [name = '', ...args] = process.argv.slice(2)
const file = join(folder, `${name}.js`)
if (!/^[a-z-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(folder)
    .filter((entry) => entry.endsWith('.js'))
    .map((entry) => entry.slice(0, -3))
  process.stderr.write(`bench: expected one of ${names.join(', ')}\n`)
  process.exit(2)
}
spawn(process.execPath, [file, ...args], { stdio: 'inherit' }).on('exit', (code) => {
  process.exitCode = code ?? 5
})
