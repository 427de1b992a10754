import { existsSync } from 'node:fs'
import { LayerlineError } from '../../base/errors.ts'
import type { Settings } from '../../config/settings.ts'
import { findListener } from '../../sources/host/same-host.ts'
import { prepareOs } from '../../sources/os/os-source.ts'
import { type PreparedSource, sourceOff } from '../../sources/source.ts'
import { ownEngine } from './own-engine.ts'

/** The kernel's view of the server, where it was asked for; what was asked for by name and does not work throws. */
export async function osFrom(settings: Settings): Promise<PreparedSource | null> {
  const given = settings.get('os')
  if (given === undefined || given === 'none') return null
  const url = settings.get('url')
  const pid = given === 'auto' ? await serverProcess(url) : processNamed(given)
  if (pid === null)
    return sourceOff(`os: off: no process of this machine that listens for ${url} can be seen; --os PID names one`)
  return prepareOs({
    target: { kind: 'processes', pids: [pid] },
    probes: settings.get('probes'),
    ports: portOf(url),
  })
}

function processNamed(given: string): number {
  const pid = Number(given)
  if (!/^\d+$/.test(given) || !existsSync(`/proc/${pid}`)) {
    throw new LayerlineError('input/pid', `--os ${given}: there is no such process`, {
      hint: 'expected a pid, or auto',
    })
  }
  return pid
}

/** The managed engine behind a URL, else the process that listens on its port on this machine. */
async function serverProcess(url: string | undefined): Promise<number | null> {
  const own = ownEngine(url)
  if (own !== undefined) return own.pid
  if (url === undefined || !URL.canParse(url)) return null
  const [port] = portOf(url)
  return port === undefined ? null : (await findListener(new URL(url).hostname, port)).pid
}

function portOf(url: string | undefined): number[] {
  if (url === undefined || !URL.canParse(url)) return []
  const { port, protocol } = new URL(url)
  return [port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)]
}
