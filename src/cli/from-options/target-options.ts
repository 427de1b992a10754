import { errorText, LayerlineError } from '../../base/errors.ts'
import { readSmallFile } from '../../base/small-file.ts'
import type { Settings } from '../../config/settings.ts'
import { resolveTarget, type Target } from '../../sources/requests/target.ts'

/** The server to ask, from the settings: URL, key, headers, certificates, timeouts. */
export function targetFrom(settings: Settings, promptsAreTokenIds: boolean): Target {
  const url = settings.need('url')
  const key = settings.apiKey(url)
  const ca = settings.get('ca')
  return resolveTarget({
    url,
    endpoint: settings.get('endpoint') ?? (promptsAreTokenIds ? 'completions' : 'chat'),
    ...(key === null ? {} : { apiKey: key.key }),
    headers: settings.get('headers') ?? {},
    ...(ca === undefined ? {} : { ca: readCa(ca) }),
    insecure: settings.get('insecure') ?? false,
    traceparent: settings.get('otlpListen') !== undefined,
    timeouts: {
      connectMs: settings.get('connectTimeout') * 1000,
      firstTokenMs: settings.get('firstTokenTimeout') * 1000,
      idleMs: settings.get('idleTimeout') * 1000,
      totalMs: settings.get('timeout') * 1000,
    },
  })
}

/** The bundle of a system's authorities has 0.2 MB. */
const MOST_CA_BYTES = 16 << 20

function readCa(path: string): Buffer {
  try {
    return readSmallFile(path, MOST_CA_BYTES)
  } catch (cause) {
    throw new LayerlineError('input/ca', `--ca ${path}: ${errorText(cause)}`, {
      hint: 'expected a certificate in PEM form',
      cause,
    })
  }
}
