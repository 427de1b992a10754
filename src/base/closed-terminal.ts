import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * When Node exits it restores the terminal's settings, and aborts (SIGABRT) if the terminal is gone by then. So a
 * descriptor that was a terminal and no longer is one is replaced by /dev/null before that. Call it once, in the main
 * thread.
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
