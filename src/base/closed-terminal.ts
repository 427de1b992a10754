import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * At its end Node puts the terminal's settings back, and aborts (SIGABRT) where the terminal is gone by then: so what was a
 * terminal and is none any more is replaced by /dev/null before. To be called once, in the main thread.
 */
export function outliveTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd))
  if (terminals.length === 0) return
  process.on('exit', () => {
    for (const fd of terminals) {
      if (isatty(fd)) continue
      try {
        closeSync(fd)
        // It takes the lowest number that is free: this one.
        openSync('/dev/null', 'r+')
      } catch {
        // What cannot be replaced is left.
      }
    }
  })
}
