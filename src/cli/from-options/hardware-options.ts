import { LayerlineError } from '../../base/errors.ts'
import type { Settings } from '../../config/settings.ts'
import { prepareEngineMetrics } from '../../sources/engine/engine-metrics.ts'
import { prepareOtlp } from '../../sources/engine/otlp/otlp-source.ts'
import { localProfileFolder, remoteProfileFolder } from '../../sources/engine/profiler/profile-folder.ts'
import { DEFAULT_WINDOW, parseProfileWindow } from '../../sources/engine/profiler/profile-window.ts'
import { prepareProfiler } from '../../sources/engine/profiler/profiler.ts'
import { sshClock } from '../../sources/engine/profiler/ssh-clock.ts'
import { prepareRemoteStepLog } from '../../sources/engine/step-log/remote-step-log.ts'
import { prepareStepLog } from '../../sources/engine/step-log/step-log.ts'
import { prepareGpu } from '../../sources/gpu/gpu-source.ts'
import type { GpuTarget } from '../../sources/gpu/gpu-sources.ts'
import { parseGpuTarget } from '../../sources/gpu/gpu-target.ts'
import { type PreparedSource, sourceOff } from '../../sources/source.ts'
import { parseSshFolder } from '../../sources/ssh/ssh-folder.ts'
import type { SshSettings } from '../../sources/ssh/ssh-target.ts'
import { osFrom } from './os-options.ts'
import { ownEngine } from './own-engine.ts'
import { targetFrom } from './target-options.ts'

/**
 * What samples beside the requests, found to work before a run begins: GPU and engine metrics. What was asked for by
 * name and does not work throws; what was not is off and says so in its `problem`.
 */
export async function prepareSources(
  settings: Settings,
  periodMs = settings.get('sampleMs'),
): Promise<PreparedSource[]> {
  const target = gpuTargetFrom(settings)
  const gpu =
    'off' in target
      ? sourceOff(target.off)
      : await prepareGpu(target, {
          periodMs,
          gpus: (settings.get('gpuList') ?? []).filter((each) => each !== ''),
          serverPort: target.kind === 'ssh' ? serverPortOn(target.host, settings.get('url')) : undefined,
        })
  const ready: (PreparedSource | null)[] = [gpu]
  try {
    const url = settings.get('engineMetrics')
    if (url !== undefined) ready.push(await prepareEngineMetrics(url, periodMs))
    const steps = stepLogOf(settings.get('stepLog'), settings.get('url'))
    if (steps !== null) {
      const remote = parseSshFolder(steps, '--step-log', sshSettings(settings))
      ready.push(remote === null ? prepareStepLog(steps) : await prepareRemoteStepLog(remote))
    }
    const port = settings.get('otlpListen')
    if (port !== undefined) ready.push(await prepareOtlp(port))
    ready.push(await profilerFrom(settings))
    ready.push(await osFrom(settings))
    return ready.filter((source) => source !== null)
  } catch (error) {
    await Promise.all(ready.map((source) => source?.stop()))
    throw error
  }
}

/** The folder that was named, else that of the managed engine behind the URL. */
function stepLogOf(given: string | undefined, url: string | undefined): string | null {
  if (given !== undefined) return given === 'none' ? null : given
  return ownEngine(url)?.stepLog ?? null
}

async function profilerFrom(settings: Settings): Promise<PreparedSource | null> {
  if (settings.get('profile') !== true) return null
  const url = settings.need('url')
  const window = parseProfileWindow(settings.get('profileWindow') ?? DEFAULT_WINDOW)
  const given = settings.get('profileDir') ?? ownEngine(url)?.profiles ?? null
  if (given === null) {
    throw new LayerlineError('usage/profile-dir', `--profile: where ${url} writes its profiles is not known`, {
      hint: 'name the folder that its torch_profiler_dir names: --profile-dir FOLDER, or ssh://user@host/path',
    })
  }
  const remote = parseSshFolder(given, '--profile-dir', sshSettings(settings))
  return prepareProfiler({
    target: targetFrom(settings, false),
    window,
    ...(remote === null
      ? { folder: localProfileFolder(given) }
      : { folder: remoteProfileFolder(remote), clock: sshClock(remote.target) }),
  })
}

/** The options of ssh besides the address. */
function sshSettings(settings: Settings): SshSettings {
  return {
    user: settings.get('gpuUser'),
    keyPath: settings.get('gpuKeyPath'),
    configPath: settings.get('sshConfig'),
  }
}

/** `--gpu`, else SURF_HOST over ssh, else auto. A placeholder in an old .env is a layer that is off, not an error. */
export function gpuTargetFrom(settings: Settings): GpuTarget | { off: string } {
  const given = settings.get('gpu')
  if (given !== undefined && !given.startsWith('ssh:'))
    return parseGpuTarget(given, settings.source('gpu') ?? undefined)
  try {
    const host = given === undefined ? settings.get('gpuHost') : undefined
    if (given === undefined && host === undefined) return { kind: 'auto' }
    const ssh = sshSettings(settings)
    if (host === undefined) return parseGpuTarget(given ?? '', settings.source('gpu') ?? undefined, ssh)
    const bracketed = host.includes(':') ? `[${host}]` : host
    return parseGpuTarget(`ssh://${bracketed}`, settings.source('gpuHost') ?? undefined, ssh)
  } catch (error) {
    if (!(error instanceof LayerlineError) || error.code !== 'input/placeholder' || given !== undefined) throw error
    return { off: `gpu: off: ${error.message}; ${error.hint}` }
  }
}

/** The server's port, if the server is on that host: named the same, or reached through a tunnel from here. */
function serverPortOn(host: string, url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { hostname, port, protocol } = new URL(url)
  const name = hostname.replace(/^\[(.*)\]$/, '$1')
  if (name !== host && !/^(127\.|localhost$|::1$)/.test(name)) return undefined
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
