import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { installVllm } from '../src/engines/vllm/install.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const SCRIPT = fileURLToPath(new URL('./python/key_averages.py', import.meta.url))
const MINUTES = 60_000

test(
  "operators' own time equals torch.profiler's key_averages() of the same profile",
  async () => {
    // Its environment has PyTorch; the first time it installs vLLM, 3.5 GB.
    const python = join((await installVllm({ model: 'tiny' })).engineFolder, 'bin', 'python')
    const folder = tempFolder()
    const { stdout } = await promisify(execFile)(python, [SCRIPT, join(folder, 'trace.json')], { cwd: folder })
    const theirs = JSON.parse(stdout) as Record<string, [count: number, selfUs: number]>
    expect((await layerline(folder, ['import', 'trace.json', '--out', 'run', '--quiet'])).code).toBe(0)

    const ours = (await sqlRows(
      folder,
      'run',
      `SELECT o.name, count(*)::INTEGER AS n, sum(o.self_ns) / 1e3 AS self_us, count(*) FILTER (o.name = p.name)::INTEGER AS inside_itself
       FROM v_operators o LEFT JOIN v_operators p ON p.slice_id = o.parent_id GROUP BY o.name`,
    )) as { name: string; n: number; self_us: number; inside_itself: number }[]
    expect(ours.length).toBeGreaterThan(50)
    // The annotation of the script is no operator.
    expect(ours.map(({ name }) => name).sort()).toEqual(
      Object.keys(theirs)
        .filter((name) => name !== 'step')
        .sort(),
    )
    for (const { name, n, self_us, inside_itself } of ours) {
      const [count, selfUs] = theirs[name] as [number, number]
      expect(self_us, name).toBeCloseTo(selfUs, 1)
      // PyTorch counts an operator whose only work is to call itself (another overload) once.
      expect(n - count, name).toBeGreaterThanOrEqual(0)
      expect(n - count, name).toBeLessThanOrEqual(inside_itself)
    }

    // Operators that call others are in the report: the matrix products of a linear layer, and attention.
    const { stdout: report } = await layerline(folder, ['report', 'run', '--json'])
    const { kernels, verdict } = JSON.parse(report) as {
      kernels: { operators: { name: string; self_ms: number; share: number }[] }
      verdict: { level: string }[]
    }
    const most = Object.entries(theirs)
      .filter(([name]) => name !== 'step')
      .sort(([, [, a]], [, [, b]]) => b - a)
    expect(kernels.operators.map(({ name }) => name)).toEqual(most.slice(0, 10).map(([name]) => name))
    const whole = most.reduce((sum, [, [, selfUs]]) => sum + selfUs, 0)
    expect(kernels.operators[0]?.share).toBeCloseTo((most[0]?.[1][1] as number) / whole, 6)
    expect(verdict.filter(({ level }) => level === 'bad')).toEqual([])
  },
  60 * MINUTES,
)
