import type { ChildProcess } from 'node:child_process'
import { type EventEmitter, setMaxListeners } from 'node:events'
import type { Server } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Worker } from 'node:worker_threads'

// Every wait on a child process, a thread, a socket or another machine goes through this file; the linter refuses others.

/** What a wait returns when its limit has passed. */
export const LATE = Symbol('late')
export type Late = typeof LATE

/** A limit in ms, or the reason why there can be none: a wait without a limit has to say what ends it. */
export type Limit = number | { readonly endedBy: string }

/** How a child process ended; `error` if it never started. */
export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error: Error | null
}

/** How long to wait after SIGKILL: a process that is stuck in the kernel may never end. */
const AFTER_KILL_MS = 2_000
/** How long to read the pipes of a process that has ended: another process may hold them open. */
const PIPES_MS = 500
/** How long to wait for a thread that is inside native code: it cannot be ended. */
const TERMINATE_MS = 2_000

/** A controller that many waits share: Node warns of a leak when more than ten listeners wait on one signal. */
export function abortForMany(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}

/** The promise's value, or LATE after the limit; a rejection passes through. The promise itself is not cancelled. */
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

/** The promise's value; throws what `late` makes if that takes longer than the limit. */
export async function withinOrThrow<T>(promise: Promise<T>, limit: Limit, late: () => Error): Promise<T> {
  const result = await within(promise, limit)
  if (result === LATE) {
    // It may still fail later, when no one listens.
    promise.catch(() => undefined)
    throw late()
  }
  return result
}

/**
 * A promise that events settle, where no limit can be set here. `endedBy` names what ends it in any case: a timer
 * around it, or the other side's end.
 */
export function settledBy<T>(
  _endedBy: string,
  settle: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise<T>(settle)
}

/**
 * The promise's value; rejects with the signal's reason as soon as the signal is aborted. The promise itself is not
 * cancelled.
 */
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
 * How a child ends, or LATE. Its pipes may stay open longer than it lives: they are read for a moment more, then
 * closed, or left to the caller that reads them.
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
    // An error of a running child comes from signalling it, or from its channel.
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
  /** The first signal; SIGTERM by default. */
  readonly signal?: NodeJS.Signals
  /** How long it may take before SIGKILL. */
  readonly patienceMs: number
  /** Whether it leads a process group, which is then ended too. */
  readonly group?: boolean
}

/**
 * Asks a child to end, then kills it and its process group. Resolves when it is gone, or given up because it is stuck
 * in the kernel.
 */
export async function endChild(child: ChildProcess, options: EndChildOptions): Promise<ChildEnd | Late> {
  const { signal = 'SIGTERM', patienceMs, group = false } = options
  signalChild(child, 'SIGCONT', group)
  signalChild(child, signal, group)
  const asked = await childEnd(child, patienceMs)
  if (group || asked === LATE) signalChild(child, 'SIGKILL', group)
  return asked === LATE ? childEnd(child, AFTER_KILL_MS) : asked
}

/** Signals a child, or the group that it leads: members of the group may outlive it. */
export function signalChild(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  const { pid } = child
  if (pid === undefined) return
  try {
    // The kernel does not reuse a number while a group has it; without a group, a child that was reaped is not
    // signalled.
    if (group) process.kill(-pid, signal)
    else child.kill(signal)
  } catch {
    // It is gone.
  }
}

/** Resolves when a thread has ended, to whether it did so within the limit. It is terminated if it did not. */
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

/** Makes a server listen; rejects with the system's error. */
export async function listening(server: Server, listen: () => void): Promise<void> {
  const listens = nextEvent(server, 'listening', LISTEN_MS)
  listen()
  if ((await listens) === LATE) throw new Error('it does not listen')
}
const LISTEN_MS = 10_000

/** Resolves when the stream accepts more, or its reader is gone; a reader may take as long as it likes. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return
  await nextEvent(stream, 'drain', { endedBy: 'the reader, or by the end of its stream' }, ['close'])
}

/** Copies a stream to its end; destroyed with LATE if nothing arrives for `idleMs`. */
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
