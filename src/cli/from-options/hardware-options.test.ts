import { expect, it } from 'vitest'
import { parseEnv } from '../../config/env-file.ts'
import { resolveSettings, type Settings } from '../../config/settings.ts'
import { gpuTargetFrom, prepareSources } from './hardware-options.ts'

function settings(flags: Record<string, unknown>, env = ''): Settings {
  const envFile = { path: '.env', entries: parseEnv(env, '.env', { cwd: '/w', variables: {} }) }
  return resolveSettings({ flags, processEnv: {}, envFile, yamlFile: null, cwd: '/w' })
}

const TRACER = 'export SURF_HOST=gpu1\nexport SURF_USER=me\nexport SURF_KEY_PATH=keys/k\n'

it("takes an old tracer's .env for ssh, and flags before it", () => {
  const ssh = { kind: 'ssh', host: 'gpu1', user: 'me', port: null, keyPath: '/w/keys/k', configPath: null }
  expect(gpuTargetFrom(settings({}, TRACER))).toEqual(ssh)
  expect(gpuTargetFrom(settings({ gpu: 'ssh://you@gpu2:22', 'ssh-config': 'c' }, TRACER))).toEqual({
    ...ssh,
    host: 'gpu2',
    user: 'you',
    port: 22,
    configPath: '/w/c',
  })
  expect(gpuTargetFrom(settings({ gpu: 'none' }, TRACER))).toEqual({ kind: 'none' })
  expect(gpuTargetFrom(settings({}))).toEqual({ kind: 'auto' })
})

it('is off with a sentence where the .env still has its placeholders, unless it was asked for', async () => {
  const env = 'export SURF_HOST=<gpu-host>\nexport SURF_USER=<ssh_user>\n'
  expect(gpuTargetFrom(settings({}, env))).toEqual({
    off: 'gpu: off: .env:1 SURF_HOST: <gpu-host> is a placeholder; write the real value in its place',
  })
  const [source] = await prepareSources(settings({}, env))
  expect(source?.problem).toContain('placeholder')
  expect(gpuTargetFrom(settings({ gpu: 'local' }, env))).toEqual({ kind: 'local' })
  expect(() => gpuTargetFrom(settings({ gpu: 'ssh://gpu1' }, env))).toThrow('SURF_USER: <ssh_user> is a placeholder')
  expect(() => gpuTargetFrom(settings({ gpu: 'yes' }))).toThrow('--gpu yes: expected auto, none, local')
})
