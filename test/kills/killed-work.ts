import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { builtFile } from '../../src/base/package-files.ts'
import { recoverRun } from '../../src/session/recover-run.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { readRunJson } from '../../src/store/run-folder.ts'

/** What is being done when the kill comes. */
export const WORK = ['sealing', 'recovering', 'importing'] as const
export type Work = (typeof WORK)[number]

/** What a kill left. */
export interface WorkResult {
  /** It arrived during the work. */
  readonly inTime: boolean
  /** The run was whole when the kill came, or after `recover`; an import: whole, or refused as not sealed, and made again from its file. */
  readonly whole: boolean
  /** Files that stayed behind after that. */
  readonly left: readonly string[]
}

const REQUESTS = 200
const EVENTS = 500

/** Records rows, reports it, and obeys commands: `finish` seals, `die` leaves the run open. */
const RECORDER = `
const { Recording } = await import(process.argv[1])
const recording = await Recording.start({ command: 'load', out: process.argv[2], config: {}, sampling: {}, seed: 1, hosts: [], engine: null }, (e) => { throw e })
const { offers, chunks, requests } = recording.store.writers
for (let request_id = 0; request_id < ${REQUESTS}; request_id++) {
  offers.append({ request_id, shard: 0, scheduled_ns: 0, sent_ns: 0, phase: 1, repeat: 0 })
  for (let index = 0; index < ${EVENTS}; index++)
    chunks.append({ request_id, index, t_ns: index * 1e6 + request_id, late_ns: 0, tokens: 1, bytes: 9, kind: 1, coalesced: false })
  if (request_id % 2 === 0) requests.append({ request_id, shard: 0, scheduled_ns: 0, status: 0, phase: 1, repeat: 0, profiled: false, sent_ns: 0 })
}
await recording.store.commit()
if (process.argv[3] === 'die') process.kill(process.pid, 'SIGKILL')
process.stdout.write('ready\\n')
await recording.finish()
`
const RECOVERER = `
const { recoverRun } = await import(process.argv[1])
process.stdout.write('ready\\n')
await recoverRun(process.argv[2])
`
const IMPORTER = `
const { importRun } = await import(process.argv[1])
process.stdout.write('ready\\n')
await importRun(process.argv[3], process.argv[2])
`

/** Does one piece of work in a process of its own again and again, each ended by SIGKILL after a share of the time that the whole takes. */
export class WorkKills {
  private readonly work: Work
  private readonly folder: string
  private wholeMs = 0

  constructor(work: Work, folder: string) {
    this.work = work
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  /** Makes what the work is done with, and measures how long the work takes. */
  async prepare(): Promise<void> {
    if (this.work === 'recovering') {
      const child = this.start(RECORDER, builtFile('src/session/recording'), this.template, 'die')
      await once(child, 'exit')
    } else if (this.work === 'importing') writeFileSync(this.file, results())
    const { child, startMs } = await this.begin()
    await once(child, 'exit')
    this.wholeMs = performance.now() - startMs
    if (!(await this.isWhole())) throw new Error(`${this.work} without a kill is not whole`)
    rmSync(this.out, { recursive: true })
  }

  /** `share`: of the time that the work takes by itself. */
  async kill(share: number): Promise<WorkResult> {
    const { child } = await this.begin()
    const gone = once(child, 'exit')
    await sleep(share * this.wholeMs)
    const inTime = child.exitCode === null
    child.kill('SIGKILL')
    await gone
    try {
      if (this.work === 'importing') await this.importAgain()
      else await recoverRun(this.out)
      return { inTime, whole: await this.isWhole(), left: leftovers(this.out) }
    } finally {
      rmSync(this.out, { recursive: true, force: true })
    }
  }

  private get out(): string {
    return join(this.folder, 'run')
  }

  private get template(): string {
    return join(this.folder, 'template')
  }

  private get file(): string {
    return join(this.folder, 'profile.json')
  }

  private async begin(): Promise<{ child: ChildProcess; startMs: number }> {
    if (this.work === 'recovering')
      cpSync(this.template, this.out, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    const child =
      this.work === 'sealing'
        ? this.start(RECORDER, builtFile('src/session/recording'), this.out, 'finish')
        : this.work === 'recovering'
          ? this.start(RECOVERER, builtFile('src/session/recover-run'), this.out)
          : this.start(IMPORTER, builtFile('src/imports/import-run'), this.out, this.file)
    const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${this.work} ended with ${code}`)))
    died.catch(() => {})
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), died])
    return { child, startMs: performance.now() }
  }

  private start(script: string, module: URL, ...args: string[]): ChildProcess {
    return spawn(process.execPath, ['--input-type=module', '-e', script, module.href, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  /** What is half there says so, and the file gives the whole in another place. */
  private async importAgain(): Promise<void> {
    if (existsSync(join(this.out, 'run.json')) && readRunJson(this.out).state === 'sealed') return
    if (existsSync(join(this.out, 'run.json'))) {
      const code = await openRun(this.out).then(
        () => 'opened',
        (error: { code?: string }) => error.code,
      )
      if (code !== 'input/run-open') throw new Error(`a half import can be read: ${code}`)
    }
    rmSync(this.out, { recursive: true, force: true })
    const { child } = await this.begin()
    await once(child, 'exit')
  }

  private async isWhole(): Promise<boolean> {
    const run = await openRun(this.out)
    try {
      const [facts] = await run.query(
        this.work === 'importing'
          ? 'SELECT count(*) AS n, count(DISTINCT slice_id) AS d FROM slices'
          : `SELECT count(*) AS n, count(DISTINCT request_id * ${EVENTS} + "index") AS d,
              (SELECT count(*) FROM requests) AS r, (SELECT count(*) FROM requests WHERE status = 'interrupted') AS i FROM chunks`,
      )
      const n = REQUESTS * EVENTS
      const expected = this.work === 'importing' ? { n, d: n } : { n, d: n, r: REQUESTS, i: REQUESTS / 2 }
      return run.run.state === 'sealed' && JSON.stringify(facts) === JSON.stringify(expected)
    } finally {
      await run.close()
    }
  }
}

/** A profile of as many slices. */
function results(): string {
  const events = Array.from(
    { length: REQUESTS * EVENTS },
    (_, i) => `{"ph":"X","cat":"cpu_op","name":"op${i % 50}","pid":1,"tid":1,"ts":${i * 10},"dur":5}`,
  )
  return `{"traceEvents":[${events.join(',\n')}]}`
}

/** What is no part of a sealed run. */
function leftovers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !/^(run\.json|\w+|\w+\/part-\d+-\d+\.parquet)$/.test(name),
  )
}
