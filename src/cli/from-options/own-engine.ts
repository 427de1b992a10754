import { cacheFolder, cacheLayout } from '../../engines/care/install/cache.ts'
import { type RunningEngine, runningEngines } from '../../engines/care/process/running-engines.ts'

/** The managed engine behind a URL of this machine. */
export function ownEngine(url: string | undefined): RunningEngine | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { hostname, port } = new URL(url)
  if (!/^(127\.|localhost$|\[::1\]$)/.test(hostname)) return undefined
  return runningEngines(cacheLayout(cacheFolder())).find((engine) => engine.port === Number(port))
}
