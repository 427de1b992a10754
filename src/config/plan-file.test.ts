import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { LayerlineError } from '../base/errors.ts'
import { parsePlan, readPlanFile } from './plan-file.ts'
import { resolveSettings } from './settings.ts'
import type { YamlFile } from './yaml-file.ts'

const WORK = 'stages:\n  - prompts: p.csv\n'
const ONE = `targets:\n  - {name: a, url: u}\n${WORK}`

it.each([
  ['', 'f:1:1: targets is missing', undefined],
  ['# nothing\n', 'f:1:1: targets is missing', undefined],
  [WORK, 'f:1:1: targets is missing', undefined],
  [`targets: []\n${WORK}`, 'f:1:10: targets: expected at least one target', undefined],
  [`targets:\n  - url: u\n${WORK}`, 'f:2:5: targets[0].name is missing', undefined],
  [
    `targets:\n  - name: a/b\n    url: u\n${WORK}`,
    /^f:2:11: targets\[0\]\.name: expected letters.*names a folder/,
    undefined,
  ],
  [
    `targets:\n  - {name: a, url: u}\n  - {name: a, url: v}\n${WORK}`,
    'f:3:12: targets[1].name: two targets named a',
    undefined,
  ],
  [`targets:\n  - name: a\n    url: u\n    modle: m\n${WORK}`, 'f:4:5: unknown key `modle`', 'did you mean `model`?'],
  [`${ONE}    max_token: 5\n`, 'f:5:5: unknown key `max_token`', 'did you mean `max_tokens`?'],
  [`${ONE}    url: u\n`, 'f:5:5: unknown key `url`', /^keys: stage, sizes/],
  [`${ONE}pre_rol: 1\n`, 'f:5:1: unknown key `pre_rol`', 'did you mean `pre_roll`?'],
  [`${ONE}pre_roll: 1.5\n`, 'f:5:11: pre_roll: expected a whole number of sampling periods', undefined],
  [`${ONE}post_roll: -1\n`, 'f:5:12: post_roll: expected at least 0', undefined],
  [`${ONE}order: rand\n`, /^f:5:8: order: .*random/, undefined],
  [`${ONE}sample_ms: 1\n`, 'f:5:12: sample_ms: expected at least 10', undefined],
  [`${ONE}    sizes: [64, x]\n`, /^f:5:17: stages\[0\]\.sizes\[1\]: .*number/, undefined],
  [`${ONE}x: &a [*b]\n`, /^f:\d+:\d+: .*[Aa]lias/, undefined],
  ['- a\n', 'f:1:1: expected a plan with `targets` and `stages`', undefined],
])('%j is refused', (text, message, hint) => {
  try {
    parsePlan(text, 'f')
  } catch (error) {
    expect(error).toBeInstanceOf(LayerlineError)
    const { code, message: said, hint: told } = error as LayerlineError
    expect(code).toBe('input/yaml')
    if (typeof message === 'string') expect(said).toBe(message)
    else expect(said).toMatch(message)
    if (hint === undefined) expect(told).toBe(undefined)
    else if (typeof hint === 'string') expect(told).toBe(hint)
    else expect(told).toMatch(hint)
    return
  }
  expect.unreachable('expected an error')
})

it('reads targets, stages and what holds for all of them', () => {
  const plan = parsePlan(
    `seed: 5
order: given
post_roll: 0
gpu: local
max_tokens: 9
ignore_eos: true
body: {min_tokens: 1}
targets:
  - name: a10
    url: http://a
    ssh_key: keys/a
  - name: a100
    url: http://b
    gpu: ssh://me@b
stages:
  - stage: prefill
    prompts: p.csv
    sizes: 10,50
    max_tokens: 1
    ignore_eos: false
  - prompts: d.csv
    body: {n: 1}
`,
    'conf/plan.yaml',
  )
  expect(plan).toMatchObject({ order: 'given', preRoll: 2, postRoll: 0, stream: true, texts: false, tokenIds: false })
  const processEnv = { SURF_HOST: 'elsewhere', SURF_URL: 'http://env', SURF_USER: 'me' }
  const settingsOf = (given: readonly YamlFile[]) =>
    resolveSettings({ flags: {}, processEnv, envFile: null, yamlFile: null, plan: given, cwd: '/w' })
  expect(settingsOf(plan.settings).get('seed')).toBe(5)

  const [a10, a100] = plan.targets.map(({ settings }) => settingsOf(settings))
  expect([a10?.get('url'), a10?.get('gpu'), a10?.get('gpuKeyPath')]).toEqual(['http://a', 'local', '/w/conf/keys/a'])
  expect([a100?.get('url'), a100?.get('gpu'), a100?.get('gpuUser')]).toEqual(['http://b', 'ssh://me@b', 'me'])
  expect([a10?.source('url'), a10?.source('gpu')]).toEqual(['conf/plan.yaml:10:5', 'conf/plan.yaml:4:1'])

  const [prefill, decode] = plan.stages.map(({ settings }) => settingsOf(settings))
  expect([prefill?.get('maxTokens'), decode?.get('maxTokens')]).toEqual([1, 9])
  expect([prefill?.get('sizes'), decode?.get('sizes')]).toEqual([[10, 50], undefined])
  expect([prefill?.get('stage'), decode?.get('stage')]).toEqual(['prefill', undefined])
  expect(plan.stages.map(({ ignoreEos, body }) => [ignoreEos, body])).toEqual([
    [false, { min_tokens: 1 }],
    [true, { min_tokens: 1, n: 1 }],
  ])
})

it('looks for the GPUs of a target that names none here, and never at the one host of a .env', () => {
  const [target] = parsePlan(ONE, 'f').targets
  const settings = resolveSettings({
    flags: {},
    processEnv: { SURF_HOST: 'elsewhere' },
    envFile: null,
    yamlFile: null,
    plan: target?.settings ?? [],
    cwd: '/w',
  })
  expect(settings.get('gpu')).toBe('auto')
})

it('says so when the file is not there', () => {
  const folder = tempFolder()
  expect(() => readPlanFile('no.yaml', folder)).toThrow(/^no\.yaml: ENOENT/)
  writeFileSync(join(folder, 'yes.yaml'), ONE)
  expect(readPlanFile('yes.yaml', folder).targets.map(({ name }) => name)).toEqual(['a'])
})

it("reads the manual's example", () => {
  const page = readFileSync(new URL('../../docs/plans.md', import.meta.url), 'utf8')
  const plan = parsePlan(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '', 'docs/plans.md')
  expect(plan.targets.map(({ name }) => name)).toEqual(['a10', 'a100', 'h100'])
  expect(plan.stages).toHaveLength(2)
})
