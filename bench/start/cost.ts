import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a program that has ended cost, by the kernel: user and system time of all its threads, and its largest memory. */
export interface Cost {
  readonly cpu_s: number
  readonly rss_mb: number
  readonly code: number
}

/** Node tells nothing of a child that has ended. */
const WAIT4 = `
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1024, "code": os.waitstatus_to_exitcode(status)}))
`

/** Runs a program to its end. Throws where its exit code is not 0. */
export async function costOf(command: readonly string[]): Promise<Cost> {
  const child = spawn('python3', ['-c', WAIT4, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  await once(child, 'close')
  const cost = JSON.parse(text) as Cost
  if (cost.code !== 0) throw new Error(`${command.join(' ')} ended with ${cost.code}`)
  return cost
}
