import { LayerlineError } from '../../../base/errors.ts'
import { smiError } from './smi-errors.ts'
import { type ChosenField, chooseFields } from './smi-fields.ts'

export interface Gpu {
  index: number
  uuid: string
  name: string
}

/** What a host has, and what its driver can be asked. */
export interface SmiInventory {
  gpus: Gpu[]
  driver: string
  fields: ChosenField[]
  /** Some GPU is split into instances: its utilisation is unknown. */
  mig: ReadonlySet<string>
  /** What nvidia-smi reported beside its answer, as of a corrupted infoROM. */
  warnings: string[]
}

/** What three calls of nvidia-smi printed, standard output and error; their exit statuses decide nothing. */
export interface SmiAnswers {
  /** `--query-gpu=index,uuid,name,driver_version` */
  gpus: string
  /** `-L` */
  list: string
  /** `--help-query-gpu` */
  help: string
}

const MOST_WARNINGS = 5

export const INVENTORY_QUERY = ['--query-gpu=index,uuid,name,driver_version', '--format=csv,noheader']

/** Reads the answers, keeping only the GPUs selected by index or UUID. Throws `missing/gpu…`, naming `where`. */
export function readInventory(answers: SmiAnswers, selection: readonly string[], where: string): SmiInventory {
  const warnings = new Set<string>()
  const found = answers.gpus.split('\n').flatMap((each) => {
    const line = each.trim()
    const match = /^(\d+), ((?:GPU|MIG)-[^,]+), (.*), ([^,]+)$/.exec(line)
    if (match === null) {
      if (line !== '' && !line.startsWith('index,')) warnings.add(line)
      return []
    }
    const [, index, uuid = '', name = '', driver = ''] = match
    return [{ index: Number(index), uuid, name, driver }]
  })
  const [first] = found
  if (first === undefined) throw smiError(answers.gpus || answers.list, where)
  const isWanted = (gpu: Gpu): boolean => selection.includes(String(gpu.index)) || selection.includes(gpu.uuid)
  const missing = selection.find((each) => !found.some(({ index, uuid }) => each === String(index) || each === uuid))
  if (missing !== undefined) {
    const there = found.map(({ index, uuid, name }) => `${index} ${uuid} ${name}`).join('; ')
    throw new LayerlineError('missing/gpu-device', `${where}: no GPU ${missing}`, { hint: `there are: ${there}` })
  }
  const gpus = selection.length === 0 ? found : found.filter(isWanted)
  return {
    gpus: gpus.map(({ index, uuid, name }) => ({ index, uuid, name })),
    driver: first.driver,
    fields: chooseFields(answers.help),
    mig: migGpus(answers.list),
    warnings: [...warnings].slice(0, MOST_WARNINGS),
  }
}

/** UUIDs of GPUs under which `-L` lists instances. */
export function migGpus(list: string): Set<string> {
  const uuids = new Set<string>()
  let gpu: string | null = null
  for (const line of list.split('\n')) {
    gpu = /^GPU \d+: .*\(UUID: ([^)]+)\)/.exec(line)?.[1] ?? gpu
    if (gpu !== null && /^\s+MIG /.test(line)) uuids.add(gpu)
  }
  return uuids
}
