import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { ColdStart } from '../src/analysis/os/cold-start.ts'
import { ENGINES } from '../src/engines/engines.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { pythonWith } from './support/python-packages.ts'
import { tempFolder } from './support/temp-folder.ts'

const FORWARDS = 9
const MAKE_WEIGHTS = `
import sys, torch
from safetensors.torch import save_file
save_file({"embedding": torch.ones(8192, 256), "head": torch.ones(256, 256)}, sys.argv[1])
`
/** A model of one look-up and one product: a warm-up pass, then those that are reported. */
const MODEL = `
import json, resource, sys, torch
from safetensors.torch import load_file
weights = load_file(sys.argv[1])
with torch.inference_mode():
    for _ in range(1 + ${FORWARDS}):
        hidden = torch.nn.functional.embedding(torch.arange(16), weights["embedding"])
        (hidden @ weights["head"]).sum().item()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"minor": used.ru_minflt, "major": used.ru_majflt}), flush=True)
`
const CUDA = `
import ctypes, glob, sys
lib = ctypes.CDLL(glob.glob(sys.prefix + "/lib/python3*/site-packages/nvidia/cuda_runtime/lib/libcudart.so.*")[0])
pointer = ctypes.c_void_p()
codes = [lib.cudaMalloc(ctypes.byref(pointer), 1024) for _ in range(7)]
lib.cudaStreamSynchronize(None)
assert all(codes)
`

interface Told {
  os: { forwards: number | null; cold_starts: ColdStart[]; cuda: { function: string; calls: number }[] }
}

describe('functions of libraries, with the real bpftrace', () => {
  useBpftrace()

  it("counts PyTorch's forward passes, finds its cold start, and its faults as the process counts them", async () => {
    const { engineFolder } = await ENGINES.vllm.install({})
    const python = join(engineFolder, 'bin', 'python')
    const folder = tempFolder()
    const [weights, script] = [join(folder, 'model.safetensors'), join(folder, 'model.py')]
    await promisify(execFile)(python, ['-c', MAKE_WEIGHTS, weights])
    writeFileSync(script, MODEL)
    // Once unwatched: then PyTorch's own files are in memory, too, and storage has nothing to give.
    await promisify(execFile)(python, [script, weights])
    const args = ['os', 'run', '--json', '--out', 'run', '--', python, script, weights]
    const run = await layerline(folder, args)
    expect(run.code, run.stderr).toBe(0)
    const { os } = JSON.parse(run.stdout) as Told
    expect(os.forwards).toBe(1 + FORWARDS)
    const [start] = os.cold_starts
    expect(start?.files).toBe(1)
    // Of so short a load there may be no sample of what storage gave; what is read beside the weights may come from there.
    expect(start?.page_cache).not.toBe('cold')
    for (const phase of ['before_weights_ms', 'weights_ms', 'init_ms', 'first_forward_ms'] as const) {
      expect(start?.[phase], phase).toBeGreaterThan(0)
    }
    expect(start?.mapped_bytes).toBeGreaterThanOrEqual((8192 + 256) * 256 * 4)

    const said = JSON.parse(run.stderr.split('\n').find((line) => line.startsWith('{"minor"')) ?? '') as {
      minor: number
    }
    const rows = await sqlRows(
      folder,
      'run',
      "SELECT sum(c.value)::DOUBLE AS n FROM counters c JOIN tracks t USING (track_id) WHERE t.name = 'minor_faults'",
    )
    expect(Math.abs((rows[0]?.n as number) / said.minor - 1)).toBeLessThan(0.01)
    // Each pass is an instant of its own, in order.
    const passes = await sqlRows(folder, 'run', "SELECT t_ns FROM slices WHERE category = 'forward' ORDER BY t_ns")
    expect(new Set(passes.map(({ t_ns }) => t_ns)).size).toBe(1 + FORWARDS)
  })

  it('counts calls of CUDA, also where each of them fails for want of a GPU', async () => {
    const python = await pythonWith('nvidia-cuda-runtime-cu12==12.9.79')
    const folder = tempFolder()
    const script = join(folder, 'cuda.py')
    writeFileSync(script, CUDA)
    const run = await layerline(folder, [
      'os',
      'run',
      '--json',
      '--probes',
      'cuda',
      '--out',
      'run',
      '--',
      python,
      script,
    ])
    expect(run.code, run.stderr).toBe(0)
    const { os } = JSON.parse(run.stdout) as Told
    const calls = Object.fromEntries(os.cuda.map(({ function: name, calls: n }) => [name, n]))
    expect(calls).toMatchObject({ cudaMalloc: 7, cudaStreamSynchronize: 1 })
  })
})
