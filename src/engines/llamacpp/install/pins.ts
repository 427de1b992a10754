import { LayerlineError } from '../../../base/errors.ts'

/**
 * The engine that Layerline installs, pinned by checksum: nothing else is run. The core's own pins are in
 * engine-lock.json.
 */
export const ENGINE = {
  name: 'llamacpp',
  package: 'node-llama-cpp',
  version: '3.22.1',
  /** Unpacked size of the core, bytes; only for the progress. */
  coreBytes: 50_000_000,
} as const

export interface PlatformPin {
  package: string
  integrity: string
  packedBytes: number
}

const PLATFORMS: Record<string, PlatformPin> = {
  'linux-x64': {
    package: '@node-llama-cpp/linux-x64',
    integrity: 'sha512-5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==',
    packedBytes: 10_824_547,
  },
  'linux-arm64': {
    package: '@node-llama-cpp/linux-arm64',
    integrity: 'sha512-W+7naKCXX9/eEjjFmRS8vvx91QyLXDbeFxexZc3bh/PtQABZgmRL3C0AtYYXn4YGTj/3Qor4lWZn2tpjZFPLdQ==',
    packedBytes: 8_000_000,
  },
}

export interface Machine {
  platform: string
  arch: string
  /** Alpine and its like: the engine is built against glibc. */
  musl: boolean
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const { platform, arch } = process
  if (platform !== 'linux') return { platform, arch, musl: false }
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return { platform, arch, musl: report?.header !== undefined && report.header.glibcVersionRuntime === undefined }
}

/** The platform package for a machine; throws missing/platform if none is pinned for it. */
export function platformPin(machine: Machine): PlatformPin {
  const key = `${machine.platform}-${machine.arch}`
  const pin = PLATFORMS[key]
  if (pin === undefined || machine.musl) {
    throw new LayerlineError(
      'missing/platform',
      `The embedded llama.cpp engine has no checked build for ${key}${machine.musl ? ' with musl libc' : ''}; it runs on ${Object.keys(PLATFORMS).join(', ')} with glibc.`,
      { hint: 'Trace any OpenAI-compatible server instead: layerline trace --url http://HOST:PORT/v1 …' },
    )
  }
  return pin
}
