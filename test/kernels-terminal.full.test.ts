import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { LAYERLINE } from './support/cli.ts'
import { kernelBatch } from './support/kernel-batch.ts'
import { missingProgram, needs } from './support/needs.ts'
import { startTmux } from './support/tmux.ts'

needs(missingProgram('tmux') ?? missingProgram('python3'))

test('on a terminal a table shows what runs, and the end stays', async () => {
  const batch = kernelBatch()
  const env = batch.environment() as Record<string, string>
  const args = batch.arguments([
    '--model',
    batch.model('segv'),
    batch.model('wait'),
    '--tracers',
    'alpha',
    '--download-workers',
    '1',
  ])
  const tmux = await startTmux({ columns: 100, rows: 24 }, env)
  await tmux.keys(`cd ${batch.folder} && clear && ${LAYERLINE} ${args.join(' ')}`, 'Enter')
  const screen = await tmux.shows(/1\/2 · 1 running · 0 done .*1 failed[\s\S]*wait +alpha +load/)
  expect(screen.join('\n')).toMatch(/\[1\/2\] ✗ segv alpha: failed .*ended by SIGSEGV/)
  writeFileSync(batch.gate, '')
  const end = await tmux.shows(/2 traces: 1 done, 0 there already, 0 skipped, 1 failed -> outputs/)
  expect(end.join('\n')).not.toContain('1 running')
})
