import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { builtFile } from '../../src/base/package-files.ts'
import type { RunningPacedServer } from '../../test/paced-server/start.ts'
import type { Job, Measured, ReaderName } from './job.ts'

/** Far beyond the longest job: a reader that hangs is ended. */
const LIMIT_MS = 300_000

/** Does a job with one reader, in a process of its own. */
export async function runReader(
  reader: ReaderName,
  server: RunningPacedServer,
  job: Omit<Job, 'url'>,
): Promise<Measured[]> {
  const main = fileURLToPath(builtFile('bench/client/reader-main'))
  const args = [main, reader, JSON.stringify({ ...job, url: server.url }), String(server.pid)]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 24,
  })
  process.stderr.write(stderr)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Measured[]
}
