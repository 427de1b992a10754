import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { LayerlineError } from '../base/errors.ts'
import { parseEnv } from './env-file.ts'
import { loadSettings, resolveSettings, type Settings } from './settings.ts'
import { SETTINGS, type SettingName } from './settings-table.ts'
import { safeUrl, withoutSecrets } from './without-secrets.ts'
import { parseYaml } from './yaml-file.ts'

/** The .env of the original Tracer, as its README gives it. */
const TRACER_ENV = `export SURF_URL=http://<gpu-host>:8000/v1/completions
export SURF_HOST=<gpu-host>
export SURF_USER=<ssh_user>
export SURF_KEY_PATH=keys/surf_key        # private key for SSH
# optional
export SAMPLING_MS=100                    # ms between nvidia-smi samples
export PROMPT_DIR=$(pwd)/data/sample_inputs
export TRACE_DIR=$(pwd)/data/sample_outputs
`

function settings(
  given: { flags?: Record<string, unknown>; env?: Record<string, string>; file?: string; yaml?: string } = {},
): Settings {
  const { flags = {}, env = {}, file, yaml } = given
  return resolveSettings({
    flags,
    processEnv: env,
    envFile:
      file === undefined ? null : { path: '.env', entries: parseEnv(file, '.env', { cwd: '/w', variables: env }) },
    yamlFile: yaml === undefined ? null : parseYaml(yaml, 'conf/layerline.yaml'),
    cwd: '/w',
  })
}

function failure(work: () => unknown): LayerlineError {
  try {
    work()
  } catch (error) {
    if (error instanceof LayerlineError) return error
    throw error
  }
  throw new Error('expected an error')
}

describe("the original Tracer's .env", () => {
  it('is stopped by the placeholder in its URL, with the line', () => {
    const error = failure(() => settings({ file: TRACER_ENV }).get('url'))
    expect(error.code).toBe('input/placeholder')
    expect(error.exitCode).toBe(2)
    expect(error.message).toBe('.env:1 SURF_URL: <gpu-host> is a placeholder')
  })

  it('is otherwise in force, whatever stands in what is not used', () => {
    const old = settings({ file: TRACER_ENV, flags: { url: 'http://h:1' } })
    expect(old.get('url')).toBe('http://h:1')
    expect(old.get('sampleMs')).toBe(100)
    expect(old.source('sampleMs')).toBe('.env:6 SAMPLING_MS')
    expect(old.get('promptDir')).toBe('/w/data/sample_inputs')
    expect(old.get('traceDir')).toBe('/w/data/sample_outputs')
    expect(old.get('gpuKeyPath')).toBe('/w/keys/surf_key')
    expect(old.source('gpuHost')).toBe('.env:2 SURF_HOST')
    expect(failure(() => old.get('gpuUser')).message).toBe('.env:3 SURF_USER: <ssh_user> is a placeholder')
    expect(old.given()).toEqual(['url', 'promptDir', 'traceDir', 'sampleMs', 'gpuHost', 'gpuUser', 'gpuKeyPath'])
    const shown = withoutSecrets(old)
    expect(shown.url).toEqual({ value: 'http://h:1', source: '--url' })
    expect(shown).not.toHaveProperty('gpu_host')
  })
})

describe('settings', () => {
  it('come from the yaml file, then .env, then the environment, then flags', () => {
    const yaml = 'url: y\nmodel: y\nsample_ms: 20\nseed: 5\n'
    const file = 'SURF_URL=f\nMODEL_NAME=f\nSAMPLING_MS=30\n'
    const env = { SURF_URL: 'e', MODEL_NAME: 'e', PROMPT_FILE: '' }
    const all = settings({ yaml, file, env, flags: { url: 'a', insecure: false, model: undefined } })
    const seen = (['url', 'model', 'sampleMs', 'seed', 'repeat', 'promptFile', 'insecure'] as const).map((name) => [
      all.get(name),
      all.source(name),
    ])
    expect(seen).toEqual([
      ['a', '--url'],
      ['e', 'environment MODEL_NAME'],
      [30, '.env:3 SAMPLING_MS'],
      [5, 'conf/layerline.yaml:4:1'],
      [1, 'default'],
      [undefined, null],
      [undefined, null],
    ])
  })

  it('show no password of a page of metrics', () => {
    const flags = {
      gpu: 'dcgm:http://me:s3cret@gpu1:9400/metrics',
      'engine-metrics': 'http://me:s3cret@gpu1:8000/metrics?token=s3cret',
    }
    const shown = withoutSecrets(settings({ flags }))
    expect(shown.gpu?.value).toBe('dcgm:http://gpu1:9400/metrics')
    expect(String(shown.engine_metrics?.value)).toMatch(/^http:\/\/gpu1:8000\/metrics\?token=/)
    expect(JSON.stringify(shown)).not.toContain('s3cret')
  })

  it('say what is wrong with them and where', () => {
    const all = settings({ file: 'SAMPLING_MS=fast\nMODEL_NAME=$WHAT\n', flags: { header: ['X-A secret'] } })
    expect(failure(() => all.get('sampleMs')).message).toBe('.env:1 SAMPLING_MS: expected a number')
    expect(failure(() => all.get('model')).message).toBe('.env:2 MODEL_NAME: $WHAT is not defined')
    expect(failure(() => all.get('headers')).message).toBe('--header: expected NAME: VALUE')
    expect(failure(() => settings({ env: { SAMPLING_MS: '9.5' } }).get('sampleMs')).message).toMatch(/whole number/)
    const missing = failure(() => all.need('url'))
    expect(missing.code).toBe('usage/setting')
    expect(missing.hint).toBe('give it by --url, or SURF_URL in .env, or `url` in layerline.yaml')
  })

  it('are paths from the folder that names them, but for values that are none', () => {
    const given = (stepLog: string, profileDir: string) =>
      settings({ flags: { 'step-log': stepLog }, yaml: `profile_dir: ${profileDir}` })
    expect([given('s', 'p').get('stepLog'), given('s', 'p').get('profileDir')]).toEqual(['/w/s', '/w/conf/p'])
    const kept = given('none', 'ssh://host/p')
    expect([kept.get('stepLog'), kept.get('profileDir')]).toEqual(['none', 'ssh://host/p'])
    expect(given('ssh://me@host:22/s', 'p').get('stepLog')).toBe('ssh://me@host:22/s')
  })

  it('take lists and headers from text and from yaml', () => {
    expect(settings({ env: { GPU_LIST: '0, 1' } }).get('gpuList')).toEqual(['0', '1'])
    expect(settings({ flags: { sizes: ['64', '128'] } }).get('sizes')).toEqual([64, 128])
    expect(settings({ flags: { header: ['X-A: b: c', 'x-d:'] } }).get('headers')).toEqual({ 'X-A': 'b: c', 'x-d': '' })
    expect(settings({ yaml: 'headers: {X-A: b}\nca: c.pem\n' }).get('headers')).toEqual({ 'X-A': 'b' })
    expect(settings({ yaml: 'headers: {X-A: b}\nca: c.pem\n' }).get('ca')).toBe('/w/conf/c.pem')
  })

  it('have a default that their own schema takes', () => {
    const none = settings()
    for (const name of Object.keys(SETTINGS) as SettingName[]) expect(() => none.get(name)).not.toThrow()
  })
})

describe('layerline.yaml', () => {
  it.each([
    ['urll: x', /^f:1:1: unknown setting `urll`/, /did you mean `url`/],
    ['url: x\n\nmax_token: 5\n', /^f:3:1: unknown setting `max_token`/, /`max_tokens`/],
    ['zebra: 1', /^f:1:1: unknown setting `zebra`/, /^settings: url, model/],
    ['url: x\nsample_ms: 1\n', /^f:2:12: sample_ms: expected at least 10/, null],
    ['url:\n  - a\n', /^f:2:3: url: .*string/, null],
    ['endpoint: talk', /^f:1:11: endpoint: .*chat/, null],
    ['- a\n', /^f:1:1: expected settings/, null],
    ['url: "x\n', /^f:\d+:\d+: .*quote/, null],
    ['url: a\nurl: b\n', /^f:2:1: .*unique/, null],
  ])('%j is refused', (text, message, hint) => {
    const error = failure(() => parseYaml(text, 'f'))
    expect(error.code).toBe('input/yaml')
    expect(error.message).toMatch(message)
    if (hint !== null) expect(error.hint).toMatch(hint)
  })

  it("takes the flags' names, and the settings' own", () => {
    const text = 'prompts: a.csv\nssh_key: k\n'
    expect(settings({ yaml: text }).get('promptFile')).toBe('a.csv')
    expect(settings({ yaml: text }).get('gpuKeyPath')).toBe('/w/conf/k')
    expect(settings({ yaml: 'prompt_file: b.csv' }).get('promptFile')).toBe('b.csv')
    expect(failure(() => settings().need('promptFile')).hint).toContain('`prompts` in layerline.yaml')
    expect(failure(() => parseYaml('prompt: a', 'f')).hint).toBe('did you mean `prompts`?')
  })

  it('may be empty', () => {
    for (const text of ['', '# nothing\n', 'null', 'url:\n']) expect(parseYaml(text, 'f').entries.size).toBe(0)
  })
})

describe('secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-settings-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  it('come from a file, else from the environment, else from .env', () => {
    const env = { LAYERLINE_API_KEY: 'env-key' }
    const path = file('key', 'file-key\n')
    expect(settings({ env, flags: { 'api-key-file': path } }).apiKey('http://h')).toEqual({
      key: 'file-key',
      source: '--api-key-file',
    })
    expect(settings({ env, yaml: `api_key_file: ${path}` }).apiKey('http://h')?.key).toBe('env-key')
    expect(settings({ yaml: `api_key_file: ${path}` }).apiKey('http://h')?.key).toBe('file-key')
    expect(settings({ file: 'SURF_API_KEY=s' }).apiKey('http://h')).toEqual({ key: 's', source: '.env:1 SURF_API_KEY' })
    expect(settings().apiKey('http://h')).toBeNull()
  })

  it('named for OpenAI go to OpenAI alone', () => {
    const openai = settings({ env: { OPENAI_API_KEY: 'k' } })
    expect(openai.apiKey('https://api.openai.com/v1')?.key).toBe('k')
    for (const url of [
      'http://api.openai.com',
      'https://openai.com.example',
      'https://notopenai.com',
      'http://h',
      '',
    ]) {
      expect(openai.apiKey(url)).toBeNull()
    }
  })

  it('that cannot be keys are refused without being shown', () => {
    expect(failure(() => settings({ flags: { 'api-key-file': file('none', ' \n') } }).apiKey('u')).message).toMatch(
      /empty/,
    )
    expect(failure(() => settings({ flags: { 'api-key-file': join(folder, 'no') } }).apiKey('u')).message).toMatch(
      /ENOENT/,
    )
    const odd = failure(() => settings({ env: { SURF_API_KEY: 'hush\nhush' } }).apiKey('u'))
    expect(odd.message).toMatch(/^environment SURF_API_KEY: not an API key/)
    expect(JSON.stringify({ ...odd, message: odd.message })).not.toContain('hush')
    expect(failure(() => settings({ file: 'SURF_API_KEY=<your key>' }).apiKey('u')).code).toBe('input/placeholder')
  })

  it('are in nothing that is written down', () => {
    const all = settings({
      env: { SURF_API_KEY: 'hush' },
      flags: {
        url: 'https://me:hush@h:1/v1?api-key=hush&x=1',
        header: ['Authorization: Bearer hush', 'X-Api-Key: hush', 'X-Team: t'],
      },
    })
    const shown = withoutSecrets(all)
    expect(JSON.stringify(shown)).not.toContain('hush')
    expect(shown.api_key).toEqual({ value: '[hidden]', source: 'environment SURF_API_KEY' })
    expect(shown.headers?.value).toMatchObject({ 'X-Team': 't' })
    expect(shown.url?.value).toMatch(/^https:\/\/h:1\/v1\?.*x=1/)
    expect(safeUrl('http://h:1/v1')).toBe('http://h:1/v1')
  })
})

describe('files of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-config-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('are read where they are there, and must be where they are named', () => {
    expect(loadSettings({ flags: {}, cwd: folder, processEnv: {} }).get('url')).toBeUndefined()
    expect(failure(() => loadSettings({ flags: {}, cwd: folder, envFile: 'no.env' })).message).toMatch(
      /^no\.env: ENOENT/,
    )
    writeFileSync(join(folder, '.env'), 'PROMPT_DIR=$PWD/p\nSURF_URL=u\n')
    writeFileSync(join(folder, 'layerline.yaml'), 'url: y\nmodel: m\n')
    const both = loadSettings({ flags: {}, cwd: folder, processEnv: {} })
    expect([both.get('url'), both.get('model')]).toEqual(['u', 'm'])
    expect(both.get('promptDir')).toBe(join(folder, 'p'))
    expect(both.source('model')).toBe('layerline.yaml:2:1')
  })
})
