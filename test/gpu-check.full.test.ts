import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ENGINES } from '../src/engines/engines.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { CHECKOUT, cleanEnv } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 400_000, hookTimeout: 600_000 })
needs(missingProgram('python3'))
needs(missingProgram('gcc'))

interface Line {
  id: string
  result: 'pass' | 'fail' | 'not possible'
  reason: string | null
  figures: Record<string, number | string | boolean>
}

/** Compiles one of the fakes into a folder that goes with the test. */
function compiled(source: string, name: string): string {
  const out = join(tempFolder(), name)
  execFileSync('gcc', ['-shared', '-fPIC', '-o', out, join(CHECKOUT, 'test', source), '-lm'])
  return out
}

/** Runs the check; its lines by id, and its exit code. */
async function checked(
  args: string[],
  env: Record<string, string> = {},
  program = join(CHECKOUT, 'scripts/gpu-check'),
): Promise<{ code: number | null; lines: Record<string, Line>; output: string }> {
  const out = join(tempFolder(), 'report')
  const child = spawn(program, [...args, '--out', out], { env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (output += part))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(existsSync(join(out, 'report.json')), output).toBe(true)
  const { lines } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as { lines: Line[] }
  const markdown = readFileSync(join(out, 'report.md'), 'utf8')
  for (const { id, result } of lines) expect(markdown).toMatch(new RegExp(`\\| ${id} \\|.*\\*\\*${result}\\*\\*`))
  return { code, lines: Object.fromEntries(lines.map((line) => [line.id, line])), output }
}

const results = (lines: Record<string, Line>) =>
  Object.fromEntries(Object.values(lines).map(({ id, result }) => [id, result]))

describe('sampling, with a fake nvidia-smi and a fake NVML', () => {
  const fakes = () => ({
    PATH: `${join(CHECKOUT, 'test/fake-nvidia-smi')}:${process.env.PATH}`,
    LAYERLINE_NVML: compiled('fake-nvml/nvml.c', 'libnvidia-ml.so.1'),
    FAKE_SMI_PERIOD_S: '5',
  })
  const LABELS = ['labels-tracer', 'labels-vision']

  test('agrees with the energy counter at each period, and with what the server answered when', async () => {
    const { code, lines, output } = await checked(['--only', 'sampling'], fakes())
    expect(results(lines), output).toEqual({
      'sampling-100ms': 'pass',
      'sampling-20ms': 'pass',
      'sampling-10ms': 'pass',
      'labels-tracer': 'pass',
      'labels-vision': 'pass',
    })
    expect(code).toBe(0)
  })

  test('fails where the energy counter runs too fast', async () => {
    const { code, lines } = await checked(['--only', 'sampling'], { ...fakes(), FAKE_NVML_SCALE: '1.2' })
    expect(results(lines)).toMatchObject({
      'sampling-100ms': 'fail',
      'sampling-20ms': 'fail',
      'sampling-10ms': 'fail',
      'labels-vision': 'fail',
    })
    expect(Number(lines['sampling-100ms']?.figures.error)).toBeCloseTo(1 / 1.2 - 1, 1)
    expect(code).toBe(1)
  })

  test('fails where the server answered at other times', async () => {
    const { code, lines } = await checked(['--only', 'sampling', '--periods', '100'], {
      ...fakes(),
      GPU_CHECK_FAKE: 'server',
    })
    for (const id of LABELS) expect(lines[id]?.result, id).toBe('fail')
    expect(code).toBe(1)
  })

  test('is not possible without a driver, or without the counter', async () => {
    const none = await checked(['--only', 'sampling', '--periods', '100'], {
      LAYERLINE_NVML: '/nowhere/libnvidia-ml.so.1',
    })
    expect(new Set(Object.values(results(none.lines)))).toEqual(new Set(['not possible']))
    expect(none.code).toBe(4)
    const old = await checked(['--only', 'sampling', '--periods', '100'], { ...fakes(), FAKE_NVML_NO_ENERGY: '1' })
    expect(old.lines['sampling-100ms']?.result).toBe('not possible')
  })
})

describe('kernels', () => {
  /** Kineto's JSON of fifty launches on one stream, and PyTorch's sums of it times `factor`. */
  function traceFolder(factor = 1): string {
    const folder = tempFolder()
    const slice = (name: string, cat: string, ts: number, dur: number, tid: number, args: object = {}) => ({
      ...{ ph: 'X', cat, name, ts, dur, tid, args },
      pid: cat === 'kernel' ? 0 : 100,
    })
    const events = Array.from({ length: 50 }, (_, i) => {
      const at = 1000 + 100 * i
      const launch = { correlation: i + 1 }
      return [
        slice('aten::linear', 'cpu_op', at, 60, 1),
        slice('aten::mm', 'cpu_op', at + 10, 30, 1),
        slice('cudaLaunchKernel', 'cuda_runtime', at + 20, 5, 1, launch),
        slice('gemm', 'kernel', at + 50, 40, 7, { ...launch, device: 0, stream: 7 }),
      ]
    })
    const properties = [{ id: 0, name: 'NVIDIA Fake', totalGlobalMem: 1 << 30 }]
    writeFileSync(
      join(folder, 'trace.json'),
      JSON.stringify({ schemaVersion: 1, deviceProperties: properties, traceEvents: events.flat() }),
    )
    const sums = [
      ['aten::linear', 50 * 30],
      ['aten::mm', 50 * 25],
    ].map(([key, us]) => ({ key, count: 50, self_cpu_us: Number(us) * factor, self_device_us: 0 }))
    writeFileSync(join(folder, 'key_averages.json'), JSON.stringify(sums))
    return folder
  }

  test('of a trace with a GPU are all there, busy as the profile says, with self times as PyTorch sums them', async () => {
    const { code, lines, output } = await checked(['--only', 'kernels', '--traces', traceFolder()])
    expect(results(lines), output).toEqual({
      'kernels-import': 'pass',
      'kernels-on-gpu': 'pass',
      'hta-rules': 'pass',
      'self-time': 'pass',
    })
    expect(lines['hta-rules']?.figures.busy_us).toBe(50 * 40)
    expect(code).toBe(0)
  })

  test('fail where the profile is read otherwise, or the sums are others', async () => {
    const { code, lines } = await checked(['--only', 'kernels', '--traces', traceFolder(1.3)], {
      GPU_CHECK_FAKE: 'profile',
    })
    expect(new Set(Object.values(results(lines)))).toEqual(new Set(['fail']))
    expect(code).toBe(1)
  })

  test('are not possible without PyTorch, and fail where the tracers do', async () => {
    const folder = tempFolder()
    const python = (torch: string | null) => {
      const path = join(folder, torch === null ? 'bare' : 'liar')
      const facts = JSON.stringify({ torch, transformers: torch, cuda: false })
      writeFileSync(
        path,
        `#!/bin/sh\ncase "$1" in -c) echo '${facts}' ;; *prepare_model.py) mkdir -p "$3"; echo '{}' >"$3/config.json" ;; *) exit 1 ;; esac\n`,
      )
      chmodSync(path, 0o755)
      return path
    }
    const bare = await checked(['--only', 'kernels', '--python', python(null)])
    expect(new Set(Object.values(results(bare.lines)))).toEqual(new Set(['not possible']))
    const liar = await checked(['--only', 'kernels', '--python', python('2.9')])
    expect(liar.lines['kernels-run']?.result).toBe('fail')
    expect(liar.code).toBe(1)
  })
})

describe("PyTorch's own generate, on a CPU", () => {
  let python = ''
  beforeAll(async () => {
    // The first time it installs vLLM, 3.5 GB.
    python = join((await ENGINES.vllm.install({})).engineFolder, 'bin/python')
  })

  test('is traced and imported whole, self times as key_averages() has them; what needs a GPU is not possible', async () => {
    const { lines, output } = await checked(['--only', 'kernels', '--python', python])
    expect(results(lines), output).toEqual({
      'kernels-run': 'pass',
      'kernels-import': 'pass',
      'kernels-on-gpu': 'not possible',
      'hta-rules': 'not possible',
      'self-time': 'pass',
    })
    expect(lines['hta-rules']?.reason).toContain('no CUDA')
  })
})

describe('probes, with the real bpftrace', () => {
  useBpftrace()
  const DEVICE = '/dev/nvidia-gpu-check'

  test('count opens, ioctls and calls of the CUDA runtime, and fail where the program makes others than it says', async () => {
    writeFileSync(DEVICE, '')
    onTestFinished(() => rmSync(DEVICE, { force: true }))
    const args = ['--only', 'probes', '--cudart', compiled('support/fake-cudart.c', 'libcudart.so.12')]
    const honest = await checked(args)
    expect(results(honest.lines), honest.output).toEqual({ 'os-device-files': 'pass', 'cuda-uprobes': 'pass' })
    const lying = await checked(args, { GPU_CHECK_FAKE: 'program' })
    expect(results(lying.lines)).toEqual({ 'os-device-files': 'fail', 'cuda-uprobes': 'fail' })
  })
})

describe('the folder for a machine with a GPU', () => {
  test('has 60 MB at most, and runs without the checkout and without Node on the PATH', async () => {
    const folder = join(tempFolder(), 'gpu-check')
    execFileSync(join(CHECKOUT, 'scripts/gpu-check'), ['--pack', folder], { env: cleanEnv(), stdio: 'ignore' })
    const bytes = ['gpu-check', 'gpu-check.tar.xz'].reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    expect(bytes).toBeLessThan(60e6)
    // A PATH with Python and the system's tools; of Node there is only what was packed.
    const bin = join(tempFolder(), 'bin')
    mkdirSync(bin)
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
    const real = `${dirname(python)}:${bin}:/bin:/usr/bin`
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho "the system\'s node was asked" >&2\nexit 1\n')
    chmodSync(join(bin, 'node'), 0o755)
    const trace = join(tempFolder(), 'trace')
    mkdirSync(trace)
    const op = { ph: 'X', cat: 'cpu_op', name: 'aten::mm', ts: 1, dur: 2, pid: 1, tid: 1 }
    writeFileSync(join(trace, 'trace.json'), JSON.stringify({ schemaVersion: 1, traceEvents: [op, { ...op, ts: 9 }] }))
    writeFileSync(
      join(trace, 'key_averages.json'),
      JSON.stringify([{ key: 'aten::mm', count: 2, self_cpu_us: 4, self_device_us: 0 }]),
    )
    const { lines, output } = await checked(
      ['--only', 'kernels', '--traces', trace],
      { PATH: real },
      join(folder, 'gpu-check'),
    )
    expect(lines['kernels-import']?.result, output).toBe('pass')
    expect(lines['self-time']?.result, output).toBe('pass')
    expect(lines['hta-rules']?.result).toBe('not possible')
  })
})
