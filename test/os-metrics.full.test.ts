import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { pythonPath, useBpftrace } from './support/bpftrace.ts'
import { startLayerline, until } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'
import { checkMetrics } from './support/promtool.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 20, itl_ms: 20 } })
})
afterAll(() => server?.stop())

const DEVICE = '/dev/nvidia-layerline-metrics'
/** Known calls, on command. */
const PROGRAM = `
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None)
print('ready', flush=True)
sys.stdin.readline()
maps = [mmap.mmap(-1, 8192) for _ in range(5)]
for each in maps[:3]:
    libc.mlock(ctypes.byref(ctypes.c_char.from_buffer(each)), ctypes.c_size_t(4096))
os.close(os.open('${DEVICE}', os.O_RDONLY))
print('done', flush=True)
sys.stdin.readline()
`

describe('the page of metrics of a run with --os, with the real bpftrace', () => {
  useBpftrace()
  needs(missingProgram('promtool'))

  it.each(['trace', 'load'])(
    "%s: has the kernel's counts beside the run's, under the first tracer's names and ours",
    async (command) => {
      writeFileSync(DEVICE, '')
      onTestFinished(() => rmSync(DEVICE, { force: true }))
      const child = spawn(pythonPath(), ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      await once(child.stdout, 'data')

      const folder = tempFolder()
      writeFileSync(join(folder, 'p.csv'), 'max_tokens,prompt\n20,say something\n')
      const what = {
        trace: ['--prompts', 'p.csv', '--repeat', '1000'],
        load: ['--concurrency', '1', '--duration', '1000', '--input-tokens', '10', '--output-tokens', '20'],
      }[command] as string[]
      const run = startLayerline(folder, [
        ...[command, ...what, '--url', server.url, '--gpu', 'none', '--os', String(child.pid), '--metrics-port', '0'],
        ...['--probes', 'load,memory,gpu-access', '--out', 'run'],
      ])
      await run.prints('stderr', /metrics: http\S+/)
      const url = /metrics: (http\S+)/.exec(run.stderr())?.[1] ?? ''
      const page = async () => (await fetch(url)).text()
      await until(async () => (await page()).includes('llm_mmap_calls_total'))
      child.stdin.write('\n')
      await once(child.stdout, 'data')
      await until(async () => /^llm_openat_gpu_calls_total 1$/m.test(await page()))
      const text = await page()
      const value = (name: string) => {
        const line = text.split('\n').find((each) => each.startsWith(`${name} `))
        return Number(line?.slice(name.length + 1))
      }
      expect(value('llm_mlock_calls_total')).toBe(3)
      expect(value('llm_mmap_calls_total')).toBeGreaterThanOrEqual(5)
      const comm = /^llm_syscall_by_process\{syscall="mlock",comm="(python[^"]*)"\} 3$/m.exec(text)?.[1]
      expect(comm).toBeDefined()
      expect(value(`llm_syscall_by_process{syscall="openat_gpu",comm="${comm}"}`)).toBe(1)
      expect(value(`layerline_os_mlock_calls_total{process="${child.pid} ${comm}"}`)).toBe(3)
      expect(text).toMatch(/^layerline_requests_sent_total [1-9]/m)
      // The name is older than the rule.
      const { problems } = checkMetrics(text)
      expect(problems.trim()).toBe('llm_syscall_by_process counter metrics should have "_total" suffix')
      process.kill(run.pid, 'SIGINT')
      expect((await run.ended).code).toBe(130)
    },
  )
})
