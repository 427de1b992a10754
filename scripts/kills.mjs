// `npm run test:kills -- [options]`: builds if needed, kills recorders at random moments and says what each kill cost.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

setup()
const main = join(root, 'dist', 'test', 'kills', 'main.js')
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => {
  process.exitCode = code ?? 5
})
