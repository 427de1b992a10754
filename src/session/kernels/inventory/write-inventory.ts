import { join } from 'node:path'
import { csvLine } from '../../../base/csv-line.ts'
import { withFileLock } from '../../../base/file-lock.ts'
import { VERSION } from '../../../base/version.ts'
import { writeFileAtomic } from '../../../store/run-folder.ts'
import { type Inventory, readInventory } from './inventory.ts'

const COLUMNS = [
  'op',
  'shapes',
  'model',
  'framework',
  'mode',
  'device',
  'tracer',
  'file',
  'counted',
  'count',
  'self_cpu_us',
  'device_us',
  'kernels',
] as const

/** Makes inventory.json and inventory.csv anew of all traces below a folder, and returns what is in them. */
export async function writeInventory(outputDir: string): Promise<Inventory> {
  return withFileLock(join(outputDir, '_INVENTORY.lock'), async () => {
    const inventory = await readInventory(outputDir)
    const content = { layerline: VERSION, made: new Date().toISOString(), ...inventory }
    writeFileAtomic(join(outputDir, 'inventory.json'), `${JSON.stringify(content, null, 1)}\n`)
    writeFileAtomic(join(outputDir, 'inventory.csv'), inventoryCsv(inventory))
    return inventory
  })
}

/** A row for each use of an operator; the names of its kernels between `; `. */
export function inventoryCsv({ ops }: Inventory): string {
  const rows = ops.flatMap(({ op, uses }) =>
    uses.map((use) => {
      const values = { ...use, op, kernels: use.kernels.map(({ name }) => name).join('; ') }
      return csvLine(COLUMNS.map((column) => values[column]))
    }),
  )
  return csvLine(COLUMNS) + rows.join('')
}
