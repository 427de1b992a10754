import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { installVllm } from '../src/engines/vllm/install.ts'
import type { BatchSummary } from '../src/session/kernels/batch-record.ts'
import type { Inventory } from '../src/session/kernels/inventory/inventory.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const MINUTES = 60_000
let model = ''

beforeAll(async () => {
  // The first time it installs vLLM, 3.5 GB.
  model = (await installVllm({ model: 'tiny' })).modelPath
}, 60 * MINUTES)

/** A tracer of a user's own. */
const OWN = `from layerline_kernels import Tracer


class Parameters(Tracer):
    name = "parameters"
    description = "Sizes of the parameters"

    def run(self, ctx, output_dir):
        ctx.run()
        (output_dir / "parameters.txt").write_text("\\n".join(f"{n} {p.numel()}" for n, p in ctx.model.named_parameters()))
`

test(
  'all tracers, and one of our own, trace a small model on this machine; a second run finds all of it there',
  async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'own.py'), OWN)
    const run = async (...more: string[]) => {
      const args = [
        'kernels',
        'run',
        '--framework',
        'huggingface',
        '--model',
        model,
        '--tracers',
        'all',
        '--tracer-path',
        'own.py',
      ]
      const size = ['--input-tokens', '8', '--output-tokens', '2']
      const { code, stdout, stderr } = await layerline(folder, [...args, ...size, ...more, '--json'], {
        timeoutMs: 9 * MINUTES,
      })
      expect(code, stderr).toBe(0)
      return JSON.parse(stdout) as BatchSummary
    }
    const first = await run()
    const tracers = first.jobs.map(({ tracer }) => tracer)
    expect(tracers).toEqual(
      expect.arrayContaining([
        'torch_profiler',
        'torch_dispatch',
        'print_fx',
        'print_aten_ops',
        'torch_inductor',
        'parameters',
      ]),
    )
    expect(first.jobs.map(({ state, note }) => [state, note])).toEqual(tracers.map(() => ['done', null]))
    const place = (tracer: string) => join('outputs/tiny-llama/eval', tracer)
    expect(readFileSync(join(folder, place('parameters'), 'parameters.txt'), 'utf8')).toContain(
      'model.embed_tokens.weight ',
    )

    // What the profiler's sums say is what lies on its timeline.
    const profile = join(place('torch_profiler'), 'run')
    const [summed] = await sqlRows(
      folder,
      profile,
      "SELECT sum(count) AS n FROM ops WHERE op = 'aten::mm' AND source = 'torch_profile.json'",
    )
    const [sliced] = await sqlRows(
      folder,
      profile,
      "SELECT count(*) AS n FROM named_slices WHERE name = 'aten::mm' AND category = 'cpu_op'",
    )
    expect(summed).toEqual(sliced)
    expect(Number(summed?.n)).toBeGreaterThan(0)
    // Two tracers, by different means: as many multiplications were dispatched as were profiled.
    const [dispatched] = await sqlRows(
      folder,
      join(place('torch_dispatch'), 'run'),
      "SELECT sum(count) AS n FROM ops WHERE op = 'aten::mm'",
    )
    expect(dispatched).toEqual(summed)
    const inventory = JSON.parse(readFileSync(join(folder, 'outputs/inventory.json'), 'utf8')) as Inventory
    expect(inventory.unreadable).toEqual([])
    expect(new Set(inventory.ops.find(({ op }) => op === 'aten::mm')?.uses.map(({ tracer }) => tracer))).toEqual(
      new Set(['torch_profiler', 'torch_dispatch', 'print_aten_ops']),
    )

    const changed = () => tracers.map((tracer) => statSync(join(folder, place(tracer), '_TRACE_STATUS.json')).mtimeMs)
    const before = changed()
    const second = await run()
    expect(second.jobs.map(({ state }) => state)).toEqual(tracers.map(() => 'bypassed'))
    expect(changed()).toEqual(before)
  },
  10 * MINUTES,
)
