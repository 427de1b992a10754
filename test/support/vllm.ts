import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { errorText } from '../../src/base/errors.ts'
import type { Engine, StartOptions } from '../../src/engines/care/engine.ts'
import { pythonCommand } from '../../src/engines/care/install/python.ts'
import { startVllm } from '../../src/engines/vllm/control.ts'
import { chooseBuild, PYTHON } from '../../src/engines/vllm/pins.ts'

const MINUTES = 60_000

/** vLLM for the tests of a file; ends with them. Where it cannot be installed, they are skipped and say why. */
export function useVllm(options: StartOptions = {}): { readonly engine: Engine } {
  let missing: string | undefined
  let engine: Engine | undefined
  beforeAll(async () => {
    missing = await whatVllmMisses()
    // The first time it installs vLLM, 3.5 GB.
    if (missing === undefined) engine = await startVllm(options)
  }, 60 * MINUTES)
  afterAll(() => engine?.stop(), MINUTES)
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing)
  })
  return {
    get engine() {
      if (engine === undefined) throw new Error('vLLM has not been started')
      return engine
    },
  }
}

/** Why vLLM cannot be installed here; undefined where it can. */
export async function whatVllmMisses(): Promise<string | undefined> {
  try {
    chooseBuild()
    const python = await pythonCommand(process.env, PYTHON)
    await promisify(execFile)(python, ['-c', 'import ensurepip, venv'])
    return undefined
  } catch (error) {
    return `vLLM cannot be installed: ${errorText(error)}`
  }
}

/** vLLM's own counters, summed over labels but the reason a request ended for. */
export async function vllmCounters(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(new URL('/metrics', url))).text()
  const found: Record<string, number> = {}
  for (const [, name = '', labels = '', value] of text.matchAll(/^vllm:(\w+_total)\{([^}]*)\} (\S+)$/gm)) {
    const reason = /finished_reason="(\w+)"/.exec(labels)?.[1]
    const key = reason === undefined ? name : `${name}:${reason}`
    found[key] = (found[key] ?? 0) + Number(value)
  }
  return found
}
