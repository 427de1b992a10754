import { many, wholeNumber } from '../../analysis/quantity.ts'
import type { Inventory, InventoryOp, InventoryUse } from '../../session/kernels/inventory/inventory.ts'
import { NOTHING } from '../text/format.ts'
import { table } from '../text/table.ts'
import { clip, printable } from '../text/text.ts'
import type { TextStyle } from './tracers-view.ts'

const OPS_SHOWN = 25
const MODELS_SHOWN = 5

/** Which operators are needed by how many models, how often each calls them, with how many kinds of inputs, served by which kernels. */
export function inventoryText(inventory: Inventory, { width, paint }: TextStyle): string {
  const models = [...new Set(inventory.traces.map(({ model, mode }) => `${model} ${mode}`))].sort()
  const shown = models.slice(0, MODELS_SHOWN)
  const ops = [...inventory.ops].sort((a, b) => b.models.length - a.models.length || mostCalls(b) - mostCalls(a))
  const head = `${many('operator', ops.length)} in ${many('model', new Set(inventory.traces.map(({ model }) => model)).size)}, ${many('trace', inventory.traces.length)}, ${many('kernel', new Set(ops.flatMap(({ kernels }) => kernels)).size)}`
  const rows = ops
    .slice(0, OPS_SHOWN)
    .map((op) => [
      printable(op.op),
      `${op.models.length}`,
      inputs(op.uses),
      op.kernels.length === 0 ? NOTHING : String(op.kernels.length),
      ...shown.map((model) => calls(usesOf(op, model))),
    ])
  const lines = table(
    [
      { title: 'operator', max: 36 },
      { title: 'models', align: 'right' },
      { title: 'inputs', align: 'right' },
      { title: 'kernels', align: 'right' },
      ...shown.map((title) => ({ title: clip(title.split('/').at(-1) ?? title, 20), align: 'right' as const })),
    ],
    rows,
    paint.dim,
  ).map((line) => clip(line, Math.max(60, width)))
  const more = [
    ...(ops.length > OPS_SHOWN ? [`… and ${many('more operator', ops.length - OPS_SHOWN)}`] : []),
    ...(models.length > shown.length ? [`… and ${many('more model', models.length - shown.length)}`] : []),
  ]
  const alone = aloneLines(inventory, width)
  const kernels = ops.filter((op) => op.kernels.length > 0).slice(0, 8)
  const served = kernels.map((op) => clip(`  ${op.op}: ${printable(op.kernels.join(', '))}`, width))
  const notes = [
    ...(served.length > 0
      ? [paint.dim('served by'), ...served]
      : [paint.dim('no kernels: nothing that was traced ran on a GPU')]),
    ...inventory.unreadable.map(
      ({ folder, message }) => `${paint.yellow('!')} ${printable(folder)}: ${printable(message)}`,
    ),
  ]
  return `${[paint.bold(head), ...lines, ...more, ...alone, ...notes].join('\n')}\n`
}

/** Operators that one model alone needs: what it takes to run that one. */
function aloneLines({ ops, traces }: Inventory, width: number): string[] {
  const models = [...new Set(traces.map(({ model }) => model))].sort()
  if (models.length < 2) return []
  return models.flatMap((model) => {
    const own = ops.filter((op) => op.models.length === 1 && op.models[0] === model).map(({ op }) => op)
    return own.length === 0 ? [] : [clip(`only ${printable(model)}: ${printable(own.join(', '))}`, width)]
  })
}

function usesOf(op: InventoryOp, model: string): InventoryUse[] {
  return op.uses.filter((use) => `${use.model} ${use.mode}` === model)
}

/** Several tracers count the same calls: the one file that counted most calls speaks, else one that counted nodes. */
function calls(uses: readonly InventoryUse[]): string {
  const best = bestFile(uses)
  if (best.length === 0) return NOTHING
  const sum = best.reduce((total, { count }) => total + (count ?? 0), 0)
  return `${wholeNumber(sum)}${best[0]?.counted === 'graph_nodes' ? ' nodes' : ''}`
}

/** Different inputs, over all models, each by the file that tells most of them apart. */
function inputs(uses: readonly InventoryUse[]): string {
  const shapes = new Set(
    uses.flatMap((use) => (use.shapes === null || use.file === 'torch_dispatch.json' ? [] : [use.shapes])),
  )
  const dispatched = new Set(
    uses.flatMap((use) => (use.shapes !== null && use.file === 'torch_dispatch.json' ? [use.shapes] : [])),
  )
  const most = Math.max(shapes.size, dispatched.size)
  return most === 0 ? NOTHING : String(most)
}

function bestFile(uses: readonly InventoryUse[]): InventoryUse[] {
  const files = groupByFile(uses)
  const total = (group: readonly InventoryUse[]) => group.reduce((sum, { count }) => sum + (count ?? 0), 0)
  const rank = (group: readonly InventoryUse[]) => (group[0]?.counted === 'calls' ? 1e15 : 0) + total(group)
  return [...files.values()].sort((a, b) => rank(b) - rank(a))[0] ?? []
}

function groupByFile(uses: readonly InventoryUse[]): Map<string, InventoryUse[]> {
  const files = new Map<string, InventoryUse[]>()
  for (const use of uses) {
    const key = `${use.folder}/${use.file}`
    files.set(key, [...(files.get(key) ?? []), use])
  }
  return files
}

function mostCalls(op: InventoryOp): number {
  return bestFile(op.uses).reduce((sum, { count }) => sum + (count ?? 0), 0)
}
