import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CHECKOUT, LAYERLINE } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'
import { tempFolder } from './support/temp-folder.ts'
import { startTmux } from './support/tmux.ts'

needs(missingProgram('tmux'))

test('trace shows what is answered, and that it goes on before the first answer', async () => {
  const server = spawn(process.execPath, [join(CHECKOUT, 'dist/test/paced-server/main.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void server.kill())
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  const url = `http://127.0.0.1:${(JSON.parse(line.toString()) as { port: number }).port}`
  const folder = tempFolder()
  writeFileSync(join(folder, 'prompts.csv'), `id,prompt\n${[0, 1, 2].map((id) => `${id},hello\n`).join('')}`)
  const tmux = await startTmux({ columns: 110, rows: 24 })
  const body = `'{"paced":{"ttft_ms":4000}}'`
  await tmux.keys(
    `cd ${folder} && clear && ${LAYERLINE} trace --prompts prompts.csv --url ${url} --body ${body} --out run`,
    'Enter',
  )
  await tmux.shows(/ 0% requests 0\/3 · \d+ s/, 60)
  await tmux.shows(/ 33% requests 1\/3 · \d+ s left/, 60)
  const end = await tmux.shows(/run: .*run/, 60)
  expect(end.join('\n')).not.toMatch(/░|left$/m)
})

test('os attach shows how far it is, os list which probes it tries', async () => {
  const sleeper = spawn('sleep', ['300'])
  onTestFinished(() => void sleeper.kill())
  const folder = tempFolder()
  const tmux = await startTmux({ columns: 110, rows: 24 })
  await tmux.keys(
    `cd ${folder} && clear && ${LAYERLINE} os attach --pid ${sleeper.pid} --duration 8 --out run`,
    'Enter',
  )
  await tmux.shows(/ \d+% watching · \d s left/, 60)
  await tmux.shows(/run: .*run/, 60)
  await tmux.keys(`clear && ${LAYERLINE} os run --out ran -- sleep 7`, 'Enter')
  await tmux.shows(/recording sleep for 5/, 60)
  await tmux.shows(/run: .*ran/, 60)
  await tmux.keys(`clear && ${LAYERLINE} os list`, 'Enter')
  await tmux.shows(/ \d+% trying probes \d+\/\d+ \w+/, 120)
})
