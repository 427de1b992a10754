import { rmSync } from 'node:fs'

const works = new Set<() => void>()
let isListening = false

/** Has `work` done when this thread's process ends, however it ends but by SIGKILL; not any more once what is returned is called. It must not wait. */
export function atExit(work: () => void): () => void {
  if (!isListening) {
    isListening = true
    process.on('exit', runAll)
  }
  works.add(work)
  return () => void works.delete(work)
}

/** Removes a file or folder at the end of the process, unless that is called off. */
export function removeAtExit(path: string): () => void {
  return atExit(() => rmSync(path, { recursive: true, force: true }))
}

function runAll(): void {
  for (const work of works) {
    try {
      work()
    } catch {
      // The others are done all the same.
    }
  }
}
