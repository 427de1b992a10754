import type { ChildProcess } from 'node:child_process'
import { type EventEmitter, setMaxListeners } from 'node:events'
import type { Server } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Worker } from 'node:worker_threads'

// Every wait on a child process, a thread, a socket or another machine goes through this file; the linter refuses others.

/** Nothing came within the limit. */
export const LATE = Symbol('late')
export type Late = typeof LATE

/** A limit in ms, or the reason why there can be none: whoever waits without end has to say what ends it. */
export type Limit = number | { readonly endedBy: string }

/** How a child process ended; `error` where it never started. */
export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error: Error | null
}

/** After SIGKILL a process that is stuck in the kernel is not waited for any longer than this. */
const AFTER_KILL_MS = 2_000
/** What a process that has ended left in its pipes is read within this; someone else may hold them open. */
const PIPES_MS = 500
/** A thread inside native code cannot be ended; it is not waited for any longer than this. */
const TERMINATE_MS = 2_000

/** What ends many waits at once: Node takes more than ten that hang on one signal for a leak. */
export function abortForMany(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}

/** What a promise gives, or LATE; a rejection passes through. The promise itself is not ended by this. */
export async function within<T>(promise: Promise<T>, limit: Limit): Promise<T | Late> {
  if (typeof limit !== 'number') return promise
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Late>((resolve) => {
    timer = setTimeout(resolve, limit, LATE)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a promise gives; throws what `late` makes where that takes longer than the limit. */
export async function withinOrThrow<T>(promise: Promise<T>, limit: Limit, late: () => Error): Promise<T> {
  const result = await within(promise, limit)
  if (result === LATE) {
    // It may still fail, unheard.
    promise.catch(() => undefined)
    throw late()
  }
  return result
}

/**
 * What events settle, where no limit can be set here. `endedBy` says what ends it all the same: a timer around it, the other
 * side's end.
 */
export function settledBy<T>(
  _endedBy: string,
  settle: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise<T>(settle)
}

/** What a promise gives; rejects with the signal's reason as soon as that is aborted. The promise itself is not ended by this. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    promise.catch(() => undefined)
  }
}

/** The first argument of an emitter's next event of a name, or LATE; rejects with its `error`, and resolves to null for one of `endings`. */
export async function nextEvent(
  emitter: EventEmitter,
  name: string,
  limit: Limit,
  endings: readonly string[] = [],
): Promise<unknown> {
  let off: () => void = () => undefined
  const came = new Promise<unknown>((resolve, reject) => {
    const onEvent = (value: unknown): void => resolve(value)
    const onEnding = (): void => resolve(null)
    emitter.on(name, onEvent)
    emitter.on('error', reject)
    for (const ending of endings) emitter.on(ending, onEnding)
    off = () => {
      emitter.off(name, onEvent)
      emitter.off('error', reject)
      for (const ending of endings) emitter.off(ending, onEnding)
    }
  })
  try {
    return await within(came, limit)
  } finally {
    off()
  }
}

/**
 * How a child ends, or LATE. Its pipes may be open longer than it lives: they are read for a moment more, then closed, or
 * left to whoever reads them.
 */
export async function childEnd(
  child: ChildProcess,
  limit: Limit,
  pipesOf: 'read' | 'leave' = 'read',
): Promise<ChildEnd | Late> {
  const end = await within(exitOf(child), limit)
  if (end === LATE || pipesOf === 'leave') return end
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null)
  await within(Promise.all(pipes.map((pipe) => pipe.closed || pipe.readableEnded || endOf(pipe))), PIPES_MS)
  for (const pipe of pipes) pipe.destroy()
  return end
}

function exitOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve({ code: child.exitCode, signal: child.signalCode, error: null })
      return
    }
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }))
    // An error of a child that runs is one of signalling it, or of its channel.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })
}

function endOf(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve)
    stream.once('end', resolve)
    stream.once('error', () => resolve())
  })
}

export interface EndChildOptions {
  /** What it is asked to end with; SIGTERM unless given. */
  readonly signal?: NodeJS.Signals
  /** How long it may take until it is ended by SIGKILL. */
  readonly patienceMs: number
  /** Whether it leads a process group, whose members end with it. */
  readonly group?: boolean
}

/** Asks a child to end, then ends it by force, its process group with it. Resolves when it is gone or, stuck in the kernel, given up. */
export async function endChild(child: ChildProcess, options: EndChildOptions): Promise<ChildEnd | Late> {
  const { signal = 'SIGTERM', patienceMs, group = false } = options
  signalChild(child, 'SIGCONT', group)
  signalChild(child, signal, group)
  const asked = await childEnd(child, patienceMs)
  if (group || asked === LATE) signalChild(child, 'SIGKILL', group)
  return asked === LATE ? childEnd(child, AFTER_KILL_MS) : asked
}

/** Signals a child, or the group that it leads, of which members may be left when it is gone. */
export function signalChild(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  const { pid } = child
  if (pid === undefined) return
  try {
    // A number is nobody else's while a group still has it; without a group, a child that was reaped is not signalled.
    if (group) process.kill(-pid, signal)
    else child.kill(signal)
  } catch {
    // It is gone.
  }
}

/** Resolves when a thread has ended, to whether it did so within the limit. It is ended by force where it did not. */
export async function endThread(thread: Worker, limit: Limit): Promise<boolean> {
  // A thread that has ended has no id.
  if (thread.threadId === -1) return true
  let ended: () => void = () => undefined
  const exit = new Promise<void>((resolve) => {
    ended = () => resolve()
    thread.once('exit', ended)
  })
  const inTime = (await within(exit, limit)) !== LATE
  thread.off('exit', ended)
  if (!inTime) await within(thread.terminate(), TERMINATE_MS)
  return inTime
}

/** Has a server listen; rejects with what the system says. */
export async function listening(server: Server, listen: () => void): Promise<void> {
  const listens = nextEvent(server, 'listening', LISTEN_MS)
  listen()
  if ((await listens) === LATE) throw new Error('it does not listen')
}
const LISTEN_MS = 10_000

/** Resolves when more may be written, or nobody reads any more; a reader may take as long as it likes. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return
  await nextEvent(stream, 'drain', { endedBy: 'the reader, or by the end of its stream' }, ['close'])
}

/** Copies a stream to its end; ended with a LATE where nothing comes for `idleMs`. */
export async function copied(from: Readable, to: Writable, idleMs: number): Promise<undefined | Late> {
  const silence = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const heard = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), idleMs)
  }
  heard()
  from.on('data', heard)
  try {
    await pipeline(from, to, { signal: silence.signal })
    return undefined
  } catch (error) {
    if (silence.signal.aborted) return LATE
    throw error
  } finally {
    clearTimeout(timer)
  }
}
