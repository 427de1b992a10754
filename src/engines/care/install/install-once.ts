import type { InstallStep } from '../progress.ts'
import { makeFolder, withCacheLock } from './cache.ts'

/** Runs `work` unless `ready`, one process at a time: the others wait, and find it done. */
export async function installOnce(step: InstallStep, ready: () => boolean, work: () => Promise<void>): Promise<void> {
  if (ready()) return
  const { layout, onProgress } = step
  await withCacheLock(
    layout,
    async () => {
      if (ready()) return
      makeFolder(layout.staging)
      await work()
    },
    () =>
      onProgress({
        name: 'wait',
        done: 0,
        total: 0,
        unit: '',
        text: 'another process is installing an engine; waiting',
      }),
  )
}
