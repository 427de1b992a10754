import { LayerlineError } from '../../../base/errors.ts'
import { interruption } from '../../../base/interruption.ts'
import { firstLine, runTool } from '../../../base/tool.ts'
import { recordsOfJson } from './amd-output.ts'

/** A GPU as the tools name it. */
export interface AmdGpu {
  readonly index: number
  readonly uuid: string
  readonly name: string
}

/** A tool of AMD's, and how it is asked. */
interface AmdTool {
  readonly command: string
  /** What there is; each answers with JSON. */
  readonly inventory: readonly (readonly string[])[]
  readonly uuid: readonly string[]
  readonly name: readonly string[]
  readonly driver: readonly string[]
  /** The command that samples: one that prints a continuous table, or one that is called for each answer. */
  readonly samples: (seconds: number) => readonly string[]
  readonly goesOn: boolean
}

/** The first that exists is used: rocm-smi is being phased out. */
export const AMD_TOOLS = {
  'amd-smi': {
    command: 'amd-smi',
    inventory: [
      ['list', '--json'],
      ['static', '--asic', '--driver', '--json'],
    ],
    uuid: ['uuid', 'asic_serial'],
    name: ['market_name'],
    driver: ['version', 'driver_version'],
    samples: (seconds) => [
      'metric',
      '--usage',
      '--power',
      '--clock',
      '--temperature',
      '--mem-usage',
      '--energy',
      '--watch',
      String(seconds),
      '--csv',
    ],
    goesOn: true,
  },
  'rocm-smi': {
    command: 'rocm-smi',
    inventory: [['--showproductname', '--showuniqueid', '--json']],
    uuid: ['Unique ID'],
    name: ['Card Series', 'Card series', 'Device Name', 'Card Model', 'Card model'],
    driver: [],
    samples: () => [
      '--showuse',
      '--showmemuse',
      '--showpower',
      '--showclocks',
      '--showtemp',
      '--showmeminfo',
      'vram',
      '--json',
    ],
    goesOn: false,
  },
} as const satisfies Record<string, AmdTool>

export type AmdToolName = keyof typeof AMD_TOOLS

export interface AmdInventory {
  readonly tool: AmdToolName
  readonly gpus: readonly AmdGpu[]
  readonly driver: string | null
}

/** Python starts, and the driver may have to wake up. */
const ASK_TIMEOUT_MS = 30_000

export const TOOL_ENVIRONMENT = { LC_ALL: 'C', PYTHONUNBUFFERED: '1' } as const

/** What this machine's AMD tools know. Throws `missing/amd-smi`, `missing/gpu`, `missing/gpu-device`. */
export async function askAmd(selection: readonly string[], signal?: AbortSignal): Promise<AmdInventory> {
  let trouble: LayerlineError | null = null
  for (const tool of Object.keys(AMD_TOOLS) as AmdToolName[]) {
    try {
      const found = await inventoryOf(tool, signal)
      if (found !== null) return selected(found, selection)
    } catch (error) {
      if (!(error instanceof LayerlineError) || error.code === 'missing/gpu-device') throw error
      trouble ??= error
    }
  }
  throw (
    trouble ??
    new LayerlineError('missing/amd-smi', 'no amd-smi and no rocm-smi on this machine', {
      hint: 'they come with ROCm, in /opt/rocm/bin: put that on PATH',
    })
  )
}

/** Null where the tool is not there. */
async function inventoryOf(tool: AmdToolName, signal: AbortSignal = interruption.signal): Promise<AmdInventory | null> {
  const { command, inventory, uuid, name, driver }: AmdTool = AMD_TOOLS[tool]
  const byIndex = new Map<number, Map<string, string>>()
  let said = ''
  for (const args of inventory) {
    const env = { ...process.env, ...TOOL_ENVIRONMENT }
    const { how, code, stdout, stderr } = await runTool(command, args, { limit: ASK_TIMEOUT_MS, signal, env })
    if (how === 'absent') return null
    if (how === 'late') {
      throw new LayerlineError('missing/gpu', `${command} did not answer in ${ASK_TIMEOUT_MS / 1000} s`)
    }
    said ||= firstLine(stderr) ?? (code === 0 ? '' : (firstLine(stdout) ?? `it ended with ${code}`))
    for (const { gpu, values } of recordsOfJson(stdout) ?? []) {
      const known = byIndex.get(gpu) ?? new Map<string, string>()
      byIndex.set(gpu, known)
      for (const [key, { text }] of values) if (!known.has(key) && !/^N\/A/.test(text)) known.set(key, text)
    }
  }
  if (byIndex.size === 0) {
    const why = said === '' ? 'it names no GPU' : said.slice(0, 200)
    throw new LayerlineError('missing/gpu', `${command}: no GPU on this machine: ${why}`, {
      hint: 'is the amdgpu driver loaded, and is this user in the groups render and video?',
    })
  }
  const first = (values: Map<string, string>, names: readonly string[]) =>
    names.map((key) => values.get(key)).find((value) => value !== undefined)
  const gpus = [...byIndex].map(([index, values]) => ({
    index,
    uuid: first(values, uuid) ?? `amd-${index}`,
    name: first(values, name) ?? 'AMD GPU',
  }))
  const [values] = byIndex.values()
  return { tool, gpus, driver: (values === undefined ? undefined : first(values, driver)) ?? null }
}

function selected(inventory: AmdInventory, selection: readonly string[]): AmdInventory {
  if (selection.length === 0) return inventory
  const isNamed = ({ index, uuid }: AmdGpu, each: string) => each === String(index) || each === uuid
  const missing = selection.find((each) => !inventory.gpus.some((gpu) => isNamed(gpu, each)))
  if (missing !== undefined) {
    const there = inventory.gpus.map(({ index, uuid, name }) => `${index} ${uuid} ${name}`).join('; ')
    throw new LayerlineError('missing/gpu-device', `this machine: no GPU ${missing}`, { hint: `there are: ${there}` })
  }
  return { ...inventory, gpus: inventory.gpus.filter((gpu) => selection.some((each) => isNamed(gpu, each))) }
}
