import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { childEnd, endChild, LATE, unlessAborted, withinOrThrow } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import type { RunClock } from '../../base/time.ts'
import { spawnGroup } from '../../base/tool.ts'
import { BatchedPipe } from '../batched-pipe.ts'
import { type ClockFix, type ClockProbe, fixFrom, parseUnixUs } from '../host-clock.ts'
import { describeScript, MARK, runScript } from './remote-script.ts'
import { sshError, sshMissing, sshName } from './ssh-errors.ts'
import type { SshTarget } from './ssh-target.ts'

/** Without persistence mode, the driver takes seconds to wake up, three times. */
/** Characters of a line, and of a text that comes in lines. */
const MOST_LINE = 1 << 20
const MOST_TEXT = 16 << 20
const DESCRIBE_TIMEOUT_MS = 60_000
const STARTED_TIMEOUT_MS = 15_000
const ANSWER_TIMEOUT_MS = 5_000
const STOP_MS = 2_000
const KILL_MS = 1_000
const PROBES = 24
const PROBE_PAUSE_MS = 2
const KEPT_WORDS = 8192

/** Output of the remote shell that was not requested. */
export interface SshEvents {
  /** Standard output: nvidia-smi's. */
  output(text: string): void
  /** The sampler ended and starts again after `waitS`. */
  samplerEnded(code: number, waitS: number): void
}

/** Answers of the describing script by name (`gpus`, `help`, …), and what it says in single lines (`host`, `kernel`). */
export interface RemoteFacts {
  parts: Record<string, string>
  said: Record<string, string>
  answerer: string
}

/** Texts of files read on the host, and when, Unix us there. */
export interface RemoteFiles {
  unixUs: number
  texts: Map<string, string>
}

interface Waiting {
  resolve(answer: { receivedMs: number; stamp: string; texts: Map<string, string> } | null): void
}

export function sshArguments(target: SshTarget): string[] {
  const option = (name: string, value: string): string[] => ['-o', `${name}=${value}`]
  return [
    ...(target.configPath === null ? [] : ['-F', target.configPath]),
    ...(target.keyPath === null ? [] : ['-i', target.keyPath]),
    ...(target.port === null ? [] : ['-p', String(target.port)]),
    '-T',
    // No question can be answered, and forwardings of the user's own sessions do not belong to Layerline.
    ...option('BatchMode', 'yes'),
    ...option('ClearAllForwardings', 'yes'),
    ...option('ConnectTimeout', '10'),
    ...option('ServerAliveInterval', '5'),
    ...option('ServerAliveCountMax', '3'),
    '--',
    sshName(target),
    // Whatever the login shell is, what follows is read by sh.
    'exec sh',
  ]
}

/** One connection to a host, which carries the sampler, the clock's probes and the reading of files. */
export class SshConnection {
  readonly target: SshTarget
  /** Set once it has ended: resolves with the reason. */
  readonly ended: Promise<LayerlineError>
  private readonly child: ChildProcessByStdio<Writable, null, Readable>
  private readonly waiting = new Map<number, Waiting>()
  private readonly lineWaiters: { name: string; resolve: (rest: string) => void }[] = []
  private readonly facts: RemoteFacts = { parts: {}, said: {}, answerer: '' }
  private events: SshEvents | null = null
  private rest = ''
  private words = ''
  private part: string | null = null
  private reading: { id: number; stamp: string; receivedMs: number; texts: Map<string, string>; file: string } | null =
    null
  private lastId = 0
  private open = true

  private constructor(target: SshTarget, pipe: BatchedPipe) {
    this.target = target
    pipe.onText((text) => this.events?.output(text))
    this.child = spawnGroup('ssh', sshArguments(target), {
      stdio: ['pipe', pipe.writeFd, 'pipe'],
    }) as ChildProcessByStdio<Writable, null, Readable>
    const { child } = this
    child.stderr.setEncoding('latin1').on('data', (text: string) => this.take(text, performance.now()))
    child.stdin.on('error', () => undefined)
    this.ended = childEnd(child, { endedBy: '`close`, the far end, or ssh by its own keep-alives' }).then((end) => {
      this.open = false
      pipe.close()
      this.words += `${this.rest}\n`
      for (const each of this.waiting.values()) each.resolve(null)
      this.waiting.clear()
      if (end === LATE) return sshError(this.words, target, null)
      return end.error === null ? sshError(this.words, target, end.code) : sshMissing(end.error)
    })
  }

  /** Connects and asks what is available, unless that is called off. Throws the error of `sshError`. */
  static async connect(
    target: SshTarget,
    serverPort: number | null,
    signal: AbortSignal,
  ): Promise<{ connection: SshConnection; facts: RemoteFacts }> {
    const connection = new SshConnection(target, BatchedPipe.open())
    connection.child.stdin.write(describeScript(serverPort))
    try {
      connection.facts.answerer = await unlessAborted(connection.line('ready', DESCRIBE_TIMEOUT_MS), signal)
      return { connection, facts: connection.facts }
    } catch (error) {
      // Nothing there is to be ended first.
      await connection.kill()
      throw error
    }
  }

  /** Starts the sampler (none for null) and what answers questions. */
  async run(sampler: readonly string[] | null, events: SshEvents): Promise<void> {
    this.events = events
    const started = this.line('started', STARTED_TIMEOUT_MS)
    this.child.stdin.write(runScript(sampler, this.facts.answerer))
    await started
    // Output from now on says why it ends.
    this.words = ''
  }

  /** The host's Unix clock against the run's, from the fastest of a burst of probes; null where none was answered. */
  async probeClock(clock: RunClock): Promise<ClockFix | null> {
    const probes: ClockProbe[] = []
    for (let i = 0; i < PROBES && this.open; i++) {
      const sentNs = clock.now()
      const answer = await this.ask('p')
      if (answer === null) break
      probes.push({ sentNs, receivedNs: clock.fromPerformance(answer.receivedMs), unixUs: parseUnixUs(answer.stamp) })
      await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS))
    }
    return fixFrom(probes, clock)
  }

  /** Reads files by path, `*` allowed; files that cannot be read are skipped. Null if no answer came. */
  async readFiles(patterns: readonly string[]): Promise<RemoteFiles | null> {
    const answer = await this.ask(`r`, patterns)
    return answer === null ? null : { unixUs: parseUnixUs(answer.stamp), texts: answer.texts }
  }

  /** Closes our end, which ends everything there; resolves when ssh is gone, by force where it does not go. */
  async close(): Promise<void> {
    if (!this.open) return
    this.child.stdin.end()
    const end = await childEnd(this.child, STOP_MS)
    if (end === LATE) await this.kill()
  }

  private async kill(): Promise<void> {
    if (this.open) await endChild(this.child, { patienceMs: KILL_MS, group: true })
  }

  private async ask(
    what: string,
    rest: readonly string[] = [],
  ): Promise<{ receivedMs: number; stamp: string; texts: Map<string, string> } | null> {
    if (!this.open) return null
    const id = ++this.lastId
    return new Promise((resolve) => {
      const late = setTimeout(() => this.waiting.get(id)?.resolve(null), ANSWER_TIMEOUT_MS)
      this.waiting.set(id, {
        resolve: (answer) => {
          clearTimeout(late)
          this.waiting.delete(id)
          resolve(answer)
        },
      })
      this.child.stdin.write(`${[what, id, ...rest].join(' ')}\n`)
    })
  }

  /** Waits for a line of this name; ends with the fault of the connection if that ends first. */
  private async line(name: string, timeoutMs: number): Promise<string> {
    const came = new Promise<string>((resolve) => this.lineWaiters.push({ name, resolve }))
    const broken = this.ended.then((error) => Promise.reject(error))
    return withinOrThrow(Promise.race([came, broken]), timeoutMs, () => {
      const where = `ssh://${sshName(this.target)}`
      const text = `${where}: connected, but its shell did not answer in ${timeoutMs / 1000} s`
      return new LayerlineError('unreachable/ssh-silent', text, { hint: 'see whether a shell there reads commands' })
    })
  }

  private take(text: string, receivedMs: number): void {
    const all = this.rest + text
    let start = 0
    for (let end = all.indexOf('\n'); end !== -1; end = all.indexOf('\n', start)) {
      this.controlLine(all.slice(start, end), receivedMs)
      start = end + 1
    }
    // What has no end is no line: its last words are kept, for the error.
    this.rest = all.slice(Math.max(start, all.length - MOST_LINE))
  }

  private controlLine(line: string, receivedMs: number): void {
    if (!line.startsWith(MARK)) {
      if (this.part !== null) this.facts.parts[this.part] = joined(this.facts.parts[this.part], line)
      else if (this.reading !== null) this.append(line)
      else this.words = `${this.words}${line}\n`.slice(-KEPT_WORDS)
      return
    }
    const [, name = '', first = '', second = ''] = line.split(' ')
    const after = line.slice(MARK.length + 1 + name.length + 1)
    if (name === 'p') this.waiting.get(Number(first))?.resolve({ receivedMs, stamp: second, texts: new Map() })
    else if (name === 'r') this.reading = { id: Number(first), stamp: second, receivedMs, texts: new Map(), file: '' }
    else if (name === 'f' && this.reading !== null) {
      this.reading.file = first
      this.reading.texts.set(first, '')
    } else if (name === 'e') {
      const { reading } = this
      this.reading = null
      if (reading !== null) this.waiting.get(reading.id)?.resolve(reading)
    } else if (name === 'begin') {
      this.part = first
      this.facts.parts[first] = ''
    } else if (name === 'end') this.part = null
    else if (name === 'sampler_ended') this.events?.samplerEnded(Number(first), Number(second))
    else {
      this.facts.said[name] = after
      const at = this.lineWaiters.findIndex((each) => each.name === name)
      if (at !== -1) this.lineWaiters.splice(at, 1)[0]?.resolve(after)
    }
  }

  private append(line: string): void {
    const { reading } = this
    if (reading === null || reading.file === '') return
    reading.texts.set(reading.file, joined(reading.texts.get(reading.file), line))
  }
}

/** What a file of /proc is never as long as is not kept. */
function joined(text = '', line: string): string {
  return text.length > MOST_TEXT ? text : `${text}${line}\n`
}
