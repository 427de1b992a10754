import { readFileSync, write, writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import { redact } from '../../base/secrets/secrets.ts'
import { forTerminal } from '../text/text.ts'
import type { ScreenOutput } from './screen.ts'

/**
 * Writes to a terminal by the thread pool: Node's own stream writes within the caller's thread, and a terminal that
 * does not take it (a hung ssh) would hold up the client.
 */
export function terminalOutput(stream: WriteStream & { readonly fd: number }): ScreenOutput {
  const { fd } = stream
  const rest = (bytes: Buffer, done: () => void) => {
    write(fd, bytes, (error, written) => {
      if (error !== null && error.code !== 'EAGAIN') return done()
      const left = error === null ? bytes.subarray(written) : bytes
      if (left.length === 0) done()
      else setTimeout(() => rest(left, done), error === null ? 0 : 5).unref()
    })
  }
  return {
    write: (text, done) => rest(Buffer.from(forTerminal(redact(text))), done),
    writeSync(text) {
      try {
        writeSync(fd, text)
      } catch {
        // A terminal that is gone needs no restoring.
      }
    },
  }
}

/** Whether this process may draw and read keys: in the background a read would stop it. */
export function isForeground(): boolean {
  try {
    // Behind the name, which may hold anything: state, ppid, pgrp, session, tty_nr, tpgid.
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[2] === fields[5] || fields[5] === '-1'
  } catch {
    return true
  }
}

/** Reads keys one by one until it is ended; nothing is echoed. */
export function readKeys(input: ReadStream, onKey: (key: string) => void): { end(): void } {
  const take = (chunk: Buffer) => {
    for (const key of keysOf(chunk.toString('utf8'))) onKey(key)
  }
  input.setRawMode(true)
  input.on('data', take)
  input.resume()
  return {
    end() {
      input.off('data', take)
      input.setRawMode(false)
      input.pause()
      input.unref()
    },
  }
}

/** Characters, with whole escape sequences (arrows, mouse, pastes) as one key each. */
export function keysOf(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control characters
  return text.match(/\x1b\[[0-9;<?]*[ -/]*[@-~]|\x1bO.|\x1b.?|./gsu) ?? []
}
