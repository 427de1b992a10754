import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LayerlineError } from '../../base/errors.ts'
import { cacheLayout } from '../care/install/cache.ts'
import { environmentFolder, removeHalfInstalled } from './environment.ts'
import { installVllm } from './install.ts'
import { chooseModel } from './models.ts'
import { type Build, chooseBuild } from './pins.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layerline-vllm-install-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const build: Build = {
  kind: 'cpu',
  steps: [
    { name: 'one', text: 'one', requirements: ['one==1'], bytes: 1000 },
    { name: 'two', text: 'two', requirements: ['two==2'], bytes: 1000 },
  ],
  unwanted: ['three'],
}

/**
 * A python3 that says its version, makes environments whose python is itself, notes what is asked of pip and of its `-c`, and
 * does what `pip` says when the call has the word `when`.
 */
function withPython(version: string, when = 'never', pip = 'exit 1'): { env: NodeJS.ProcessEnv; calls(): string[] } {
  const bin = join(folder, 'bin')
  const log = join(folder, 'calls')
  mkdirSync(bin, { recursive: true })
  writeFileSync(
    join(bin, 'python3'),
    `#!/bin/sh
case "$*" in
  *version_info*) echo ${version} ;;
  "-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *) echo "$*" >> ${log}; case "$*" in *${when}*) ${pip} ;; esac ;;
esac
`,
  )
  chmodSync(join(bin, 'python3'), 0o755)
  return {
    env: { LAYERLINE_CACHE: join(folder, 'cache'), PATH: `${bin}:/usr/bin:/bin` },
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
  }
}

async function failure(work: Promise<unknown>): Promise<LayerlineError> {
  return work.then(
    () => {
      throw new Error('it succeeded')
    },
    (error: LayerlineError) => error,
  )
}

describe('installVllm', () => {
  it('installs step by step, takes out what does not fit, tries it, and is done for good', async () => {
    const { env, calls } = withPython('3.11')
    const installed = await installVllm({ env, build, model: null })
    expect(calls().map((call) => call.replace('-m pip ', ''))).toEqual([
      'install --progress-bar off one==1',
      'install --progress-bar off two==2',
      'uninstall -y three',
      expect.stringContaining('import vllm'),
    ])
    expect(installed.engineFolder).toBe(environmentFolder(cacheLayout(join(folder, 'cache')), build))
    await installVllm({ env, build, model: null })
    expect(calls()).toHaveLength(4)
  })

  it('goes on where it was interrupted', async () => {
    const broken = withPython('3.12', 'two==2', 'exit 9')
    await failure(installVllm({ env: broken.env, build, model: null }))
    // The environment's python is the one that was copied into it.
    const python = join(environmentFolder(cacheLayout(join(folder, 'cache')), build), 'bin', 'python')
    writeFileSync(python, readFileSync(python, 'utf8').replace('exit 9', ':'))
    await installVllm({ env: broken.env, build, model: null })
    expect(broken.calls().filter((call) => call.includes('one==1'))).toHaveLength(1)
    expect(broken.calls().filter((call) => call.includes('two==2'))).toHaveLength(2)
  })

  it('keeps nothing of an environment that does not load', async () => {
    const { env } = withPython('3.11', 'import', 'echo "ImportError: no such symbol" >&2; exit 1')
    expect(await failure(installVllm({ env, build, model: null }))).toMatchObject({
      message: expect.stringContaining('no such symbol'),
    })
    expect(existsSync(environmentFolder(cacheLayout(join(folder, 'cache')), build))).toBe(false)
  })

  it('says which Python it wants, and where PyTorch for CPU is to be had', async () => {
    const env = { ...withPython('3.9').env, PATH: join(folder, 'bin') }
    const error = await failure(installVllm({ env, build, model: null }))
    expect(error).toMatchObject({ code: 'missing/python3', message: expect.stringContaining('3.11 to 3.14') })
    const none = withPython(
      '3.11',
      'one==1',
      'echo "ERROR: No matching distribution found for torch==2.13.0+cpu" >&2; exit 1',
    )
    expect(await failure(installVllm({ env: none.env, build, model: null }))).toMatchObject({
      code: 'missing/torch',
      hint: expect.stringContaining('PIP_EXTRA_INDEX_URL'),
    })
  })

  it('wants room on the disk first', async () => {
    const huge = { ...build, steps: build.steps.map((step) => ({ ...step, bytes: 1e18 })) }
    const { env, calls } = withPython('3.11')
    expect(await failure(installVllm({ env, build: huge, model: null }))).toMatchObject({ code: 'missing/disk' })
    expect(calls()).toEqual([])
  })
})

it('takes packages that pip did not finish for not installed', () => {
  const packages = join(folder, 'lib', 'python3.11', 'site-packages')
  for (const name of ['whole-1.dist-info', 'half-2.dist-info', '~old', 'whole'])
    mkdirSync(join(packages, name), { recursive: true })
  writeFileSync(join(packages, 'whole-1.dist-info', 'INSTALLER'), 'pip\n')
  removeHalfInstalled(folder)
  expect(readdirSync(packages).sort()).toEqual(['whole', 'whole-1.dist-info'])
})

it('chooses the CUDA build where a GPU answers, and says where vLLM runs at all', () => {
  expect(chooseBuild({ platform: 'linux', arch: 'x64' }, () => true).kind).toBe('cuda')
  expect(chooseBuild({ platform: 'linux', arch: 'arm64' }, () => false).kind).toBe('cpu')
  expect(() => chooseBuild({ platform: 'darwin', arch: 'arm64' }, () => false)).toThrow('linux-x64')
})

describe('chooseModel', () => {
  it('takes a model folder, an id, the tiny model, or ours', () => {
    writeFileSync(join(folder, 'config.json'), '{}')
    expect(chooseModel(folder)).toMatchObject({ kind: 'folder', path: folder })
    expect(chooseModel('org/some-model-7B')).toMatchObject({ kind: 'id', id: 'org/some-model-7B' })
    expect(chooseModel('tiny').kind).toBe('tiny')
    expect(chooseModel(undefined)).toMatchObject({ kind: 'small', name: 'SmolLM2-135M-Instruct' })
  })

  it('says what else it was given', () => {
    writeFileSync(join(folder, 'm.gguf'), 'GGUF')
    expect(() => chooseModel(folder)).toThrow('has no config.json')
    expect(() => chooseModel(join(folder, 'm.gguf'))).toThrow('is a file')
    expect(() => chooseModel('./nowhere')).toThrow('does not exist')
    expect(() => chooseModel('nowhere')).toThrow('does not exist')
  })
})
