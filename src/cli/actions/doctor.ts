import { accessSync, constants, existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { runTool } from '../../base/tool.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { printable } from '../../dashboard/text/text.ts'
import { llamacppStatus } from '../../engines/llamacpp/status.ts'
import { listingPython } from '../../session/kernels/workers/kernel-python.ts'
import { listTracers } from '../../session/kernels/workers/tracers.ts'
import { askAmd } from '../../sources/gpu/amd/amd-tools.ts'
import { askLocalSmi } from '../../sources/gpu/smi/local-smi.ts'
import { hostProvenance } from '../../sources/host/provenance.ts'
import type { Run } from '../command.ts'
import type { doctorCommand } from '../commands/doctor.ts'
import { osFinding } from '../os/os-finding.ts'
import { hasColor } from '../views/print-report.ts'
import { progressLine } from '../views/progress-line.ts'

/** From a slow disk Python takes its time. */
const PIP_MS = 20_000

interface Finding {
  layer: string
  state: 'works' | 'off'
  what: string
  /** How to get it, or the rest of it. */
  how: string | null
}

export const runDoctor: Run<typeof doctorCommand> = async ({ options }) => {
  // Each tool has its own time: together they take as long as the slowest.
  const [gpus, engines, kernels, os] = (await together({ gpu, engine, kernel, os: osFinding })) as [
    Finding,
    Finding,
    Finding,
    Finding,
  ]
  interruption.signal.throwIfAborted()
  const findings = [request(), host(), gpus, engines, folder(), kernels, os]
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
  else process.stdout.write(findings.map(line).join(''))
  return EXIT.done
}

/** Looks at all of them at once; on a terminal, says which still take their time. */
async function together(looks: Readonly<Record<string, () => Promise<Finding>>>): Promise<Finding[]> {
  const left = new Set(Object.keys(looks))
  const total = left.size
  const progress = progressLine(process.stderr, false)
  const show = () => progress.show('looking at', (total - left.size) / total, [...left].join(', '))
  show()
  try {
    return await Promise.all(
      Object.entries(looks).map(async ([name, look]) => {
        const finding = await look()
        left.delete(name)
        show()
        return finding
      }),
    )
  } finally {
    progress.clear()
  }
}

function line({ layer, state, what, how }: Finding): string {
  const paint = paintFor(hasColor())
  const mark = state === 'works' ? paint.green('✓ works') : paint.yellow('· off  ')
  return `${mark}  ${paint.bold(layer.padEnd(8))} ${printable(what)}\n${how === null ? '' : `${' '.repeat(18)}${paint.dim(`-> ${how}`)}\n`}`
}

function request(): Finding {
  return {
    layer: 'request',
    state: 'works',
    what: `requests, tokens and this client itself (Node ${process.versions.node})`,
    how: null,
  }
}

function host(): Finding {
  if (!existsSync('/proc/stat')) {
    return {
      layer: 'host',
      state: 'off',
      what: 'no /proc on this system',
      how: 'run Layerline on Linux to see processor and memory beside the requests',
    }
  }
  const { cpu, cores, memory_bytes, cgroup } = hostProvenance()
  const limit = cgroup.cpu_cores === null ? '' : `, limited to ${cgroup.cpu_cores} cores by its cgroup`
  const tight = availableParallelism() <= 2
  return {
    layer: 'host',
    state: 'works',
    what: `${cores} × ${cpu ?? 'CPU'}, ${(memory_bytes / 2 ** 30).toFixed(1)} GiB, from /proc${limit}`,
    how: tight
      ? 'few cores: a server on this machine and this client share them; the verdict of a run says if that showed'
      : null,
  }
}

async function gpu(): Promise<Finding> {
  try {
    const { gpus, driver, mig, warnings } = await askLocalSmi([])
    const names = gpus.map(({ index, name, uuid }) => `${index} ${name}${mig.has(uuid) ? ' (MIG)' : ''}`).join(', ')
    return {
      layer: 'gpu',
      state: 'works',
      what: `${names}, driver ${driver}, from nvidia-smi`,
      how: warnings.length === 0 ? null : `nvidia-smi reports: ${warnings.join('; ')}`,
    }
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    return (await amdGpu()) ?? { layer: 'gpu', state: 'off', what: error.message, how: error.hint ?? null }
  }
}

/** Null where no tool of AMD's is there. */
async function amdGpu(): Promise<Finding | null> {
  try {
    const { tool, gpus, driver } = await askAmd([])
    const names = gpus.map(({ index, name }) => `${index} ${name}`).join(', ')
    return {
      layer: 'gpu',
      state: 'works',
      what: `${names}${driver === null ? '' : `, driver ${driver}`}, from ${tool}`,
      how: 'sampling AMD GPUs was tested against the output of these tools, not on hardware',
    }
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    if (error.code === 'missing/amd-smi') return null
    return { layer: 'gpu', state: 'off', what: error.message, how: error.hint ?? null }
  }
}

async function engine(): Promise<Finding> {
  const status = llamacppStatus()
  if (status.unsupported !== undefined) {
    return {
      layer: 'engine',
      state: 'off',
      what: status.unsupported,
      how: 'trace a server elsewhere with --url',
    }
  }
  const running = status.running.map(({ url }) => url).join(', ')
  if (status.installed && status.model.installed) {
    return {
      layer: 'engine',
      state: 'works',
      what: `llama.cpp with ${status.model.name}${running === '' ? '' : `, running at ${running}`}`,
      how: running === '' ? 'layerline engine start' : null,
    }
  }
  const python = await runTool('python3', ['-m', 'pip', '--version'], { limit: PIP_MS, signal: interruption.signal })
  const how =
    python.code === 0
      ? 'layerline engine install'
      : 'install Python >= 3.10 with pip (Debian: apt-get install python3-pip), then layerline engine install'
  return { layer: 'engine', state: 'off', what: 'llama.cpp is not installed yet', how }
}

function folder(): Finding {
  try {
    accessSync('.', constants.W_OK)
    return { layer: 'store', state: 'works', what: `runs are written to ${process.cwd()}/runs`, how: null }
  } catch {
    return { layer: 'store', state: 'off', what: `${process.cwd()} is not writable`, how: 'name a folder with --out' }
  }
}

/** Profiles are read everywhere; models are traced where `kernels run` finds its Python and what its tracers import. */
async function kernel(): Promise<Finding> {
  const profiles = 'profiles: import, and --profile of a server'
  try {
    const tracers = await listTracers(await listingPython(undefined), undefined, [])
    const ready = tracers.filter(({ available }) => available)
    const [lacking] = tracers.filter(({ available }) => !available)
    return {
      layer: 'kernel',
      state: 'works',
      what: `${profiles}; ${ready.length} of ${tracers.length} tracers of kernels run`,
      how:
        lacking === undefined
          ? null
          : `${lacking.name}: ${lacking.why_not ?? 'not available'}; layerline engine install vllm, or kernels run --python`,
    }
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    return {
      layer: 'kernel',
      state: 'works',
      what: `${profiles}; no tracers: ${error.message}`,
      how: error.hint ?? null,
    }
  }
}
