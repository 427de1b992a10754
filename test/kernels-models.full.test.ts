import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { layerline, until } from './support/cli.ts'
import { kernelBatch, outcomes } from './support/kernel-batch.ts'
import { missingProgram, needs } from './support/needs.ts'

// The workers' stand-in is a Python program.
needs(missingProgram('python3'))

/** A hub on this machine that counts what it is asked; `hold` delays a model's files. */
async function startHub(hold: (model: string) => Promise<void> = async () => {}) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    const model = /^\/(?:api\/models\/)?([\w-]+\/[\w-]+)/.exec(path)?.[1] ?? ''
    asked.push(path)
    const status = { 'org/gated': 403, 'org/missing': 404 }[model] ?? 200
    if (status === 200 && !path.startsWith('/api/')) await hold(model)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ bytes: 1000 }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, of: (model: string) => asked.filter((path) => path.includes(model)), env: { HF_ENDPOINT: url } }
}

test('a skipped model is not asked for, a gated or missing one once, one that is listed twice once', async () => {
  const batch = kernelBatch()
  const hub = await startHub()
  writeFileSync(
    join(batch.folder, 'models.txt'),
    'org/good\norg/skipped # not now\norg/gated\n/no/such/folder\n\n# more\norg/missing\norg/good\n',
  )
  writeFileSync(join(batch.folder, 'skip.txt'), 'org/skipped\n')
  const args = [
    '--model-list',
    'models.txt',
    '--models',
    'org/good,org/second',
    '--skip-model-list',
    'skip.txt',
    '--tracers',
    'alpha',
    '--cache-dir',
    'hub',
  ]
  const first = await batch.run(args, hub.env)
  expect(first.code).toBe(1)
  expect(outcomes(first.summary)).toEqual({
    'good alpha': 'done',
    'second alpha': 'done',
    'skipped alpha': 'skip_list',
    'gated alpha': 'no_model',
    'missing alpha': 'no_model',
    'folder alpha': 'no_model',
  })
  expect(first.summary.models.find(({ model }) => model === '/no/such/folder')).toMatchObject({
    state: 'refused',
    reason: 'no_such_model',
    message: expect.stringContaining('models.txt:4'),
  })
  expect(first.summary.models.find(({ model }) => model === 'org/gated')).toMatchObject({
    state: 'refused',
    reason: 'gated',
    message: 'org/gated: HTTP 403',
  })
  expect(first.summary.models.find(({ model }) => model === 'org/good')).toMatchObject({ folder: 'org/good' })
  expect(batch.marker('org/good/eval/alpha')).toMatchObject({ success: true })
  expect(
    ['org/good', 'org/second', 'org/gated', 'org/missing', 'org/skipped'].map((model) => hub.of(model).length),
  ).toEqual([2, 2, 1, 1, 0])

  // What is known is not asked again: neither of a model that is here, nor of one that may not be had.
  hub.asked.length = 0
  const again = await batch.run([...args, '--force'], hub.env)
  expect(outcomes(again.summary)).toEqual(outcomes(first.summary))
  expect(again.summary.models.find(({ model }) => model === 'org/gated')?.message).toMatch(
    /HTTP 403 \(asked .*--force-download asks again\)/,
  )
  expect(hub.asked).toEqual([])
  // Models anew, and traces not: two that are traced already are not fetched for that.
  await batch.run([...args, '--force-download'], hub.env)
  expect(hub.asked.sort()).toEqual(['/api/models/org/gated', '/api/models/org/missing'])
})

test('models are fetched while others are traced, as many at once as were allowed', async () => {
  const batch = kernelBatch()
  let open = 0
  let most = 0
  const traced = (model: string) => batch.calls('run').some((call) => call.model === model)
  const hub = await startHub(async (model) => {
    most = Math.max(most, ++open)
    // One comes only when another is asked for beside it, the others only when that one is being traced.
    await until(() => (model === 'org/early' ? most === 2 : traced('early')))
    open--
  })
  const models = ['org/late', 'org/early', 'org/later', 'org/last']
  const { code, summary } = await batch.run(
    ['--model', ...models, '--tracers', 'alpha', '--download-workers', '2', '--cache-dir', 'hub'],
    hub.env,
  )
  expect(code).toBe(0)
  expect(summary.counts.done).toBe(4)
  expect(most).toBe(2)
})

test('a model that is not whole is refused before any worker starts; the rest is traced', async () => {
  const batch = kernelBatch()
  const broken = batch.model('broken', { problems: ['model-00002-of-00002.safetensors is missing'] })
  const odd = batch.model('odd', { known: false, architecture: 'OddForCausalLM' })
  const { code, summary } = await batch.run(['--model', broken, odd, batch.model('good'), '--tracers', 'alpha'])
  expect(code).toBe(1)
  expect(summary.models).toMatchObject([
    { state: 'refused', reason: 'incomplete', message: 'model-00002-of-00002.safetensors is missing' },
    { state: 'refused', reason: 'unknown_architecture', message: 'huggingface does not know OddForCausalLM' },
    { state: 'ready' },
  ])
  expect(batch.calls('run').map(({ model }) => model)).toEqual(['good'])
  const pickled = batch.model('pickled', { pickles: true })
  const allowed = ['--trust-remote-code', '--allow-pickle']
  const trusted = await batch.run(['--model', odd, pickled, '--tracers', 'alpha', ...allowed])
  expect(outcomes(trusted.summary)).toEqual({ 'odd alpha': 'done', 'pickled alpha': 'done' })
  expect(batch.calls('run').at(-1)?.args).toEqual(expect.arrayContaining(allowed))
})

test('blocks of the configuration reach the workers they are for, the special one last', async () => {
  const batch = kernelBatch()
  const hub = await startHub()
  const env = {
    common: { WORD_A: 'common', WORD_B: '~/x/$WORD_HOME/$WORD_NONE' },
    offline: { HF_HUB_OFFLINE: 1 },
    huggingface: { WORD_C: 'framework' },
    beta: { WORD_C: 'tracer' },
    vllm: { WORD_D: 'no' },
  }
  // JSON is YAML.
  writeFileSync(join(batch.folder, 'c.yaml'), JSON.stringify({ env }))
  await batch.run(['--model', 'org/good', '--tracers', 'alpha,beta', '--config', 'c.yaml', '--cache-dir', 'hub'], {
    ...hub.env,
    WORD_HOME: 'h',
  })
  const common = { WORD_A: 'common', WORD_B: `${homedir()}/x/h/$WORD_NONE`, WORD_HOME: 'h', WORD_C: 'framework' }
  const environments = Object.fromEntries(
    batch
      .calls()
      .filter(({ env }) => env)
      .map(({ call, tracer, env }) => [tracer ?? call, env]),
  )
  expect(environments).toEqual({
    fetch: common,
    alpha: { ...common, HF_HUB_OFFLINE: '1' },
    beta: { ...common, HF_HUB_OFFLINE: '1', WORD_C: 'tracer' },
  })
})

test('a hub that does not answer is exit code 3, and is asked again next time', async () => {
  const batch = kernelBatch()
  const args = batch.arguments(['--model', 'org/good', '--tracers', 'alpha', '--cache-dir', 'hub'])
  const { code, stderr } = await layerline(batch.folder, args, {
    env: { ...batch.environment(), HF_ENDPOINT: 'http://127.0.0.1:9' },
  })
  expect(code).toBe(3)
  expect(stderr).toContain('org/good: ')
  const hub = await startHub()
  expect((await batch.run(args.slice(2), hub.env)).code).toBe(0)
})
