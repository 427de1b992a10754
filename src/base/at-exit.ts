import { rmSync } from 'node:fs'

const works = new Set<() => void>()
let isListening = false

/**
 * Runs `work` when this thread's process ends, unless SIGKILL ends it. Call the returned function to cancel it. `work`
 * must not wait.
 */
export function atExit(work: () => void): () => void {
  if (!isListening) {
    isListening = true
    process.on('exit', runAll)
  }
  works.add(work)
  return () => void works.delete(work)
}

/** Removes a file or folder at the end of the process, unless the caller cancels it. */
export function removeAtExit(path: string): () => void {
  return atExit(() => rmSync(path, { recursive: true, force: true }))
}

function runAll(): void {
  for (const work of works) {
    try {
      work()
    } catch {
      // One failure must not stop the others.
    }
  }
}
