import type { PreparedSource } from '../source.ts'
import { parseSshTarget, SSH_FORM, type SshSettings } from '../ssh/ssh-target.ts'
import type { GpuSourceOptions } from './gpu-options.ts'
import { metricsUrl } from './metrics-url.ts'

/** What `parse` is given beside the text. */
interface Given {
  readonly ssh: SshSettings
  /** Makes the error of a value that is of this kind and wrong. */
  readonly wrong: (why: string) => Error
}

/** One value of `--gpu`: its words, how it is read, and how to load what samples there. */
interface GpuSource<T extends { readonly kind: string }> {
  /** As `--gpu` takes it. */
  readonly form: string
  readonly doc: string
  /** Null where the value is of another kind. */
  readonly parse: (text: string, given: Given) => T | null
  /**
   * Loads what finds out whether it works, before a run begins; that throws `missing/…`, `unreachable/…` or `input/…`. Null
   * where nothing of its own samples.
   */
  readonly load: (() => Promise<(target: T, options: GpuSourceOptions) => Promise<PreparedSource>>) | null
  /** Of a source that `auto` tries, in the order of the table: the code of the error that says it is not installed. */
  readonly absent?: string
}

function source<T extends { readonly kind: string }>(spec: GpuSource<T>): GpuSource<T> {
  return spec
}

/** A source that is named by its kind alone. */
function word<K extends string>(kind: K, spec: Omit<GpuSource<{ kind: K }>, 'form' | 'parse'>): GpuSource<{ kind: K }> {
  return { ...spec, form: kind, parse: (text) => (text === kind ? { kind } : null) }
}

/** Every value of `--gpu`, by the kind of its target. */
export const GPU_SOURCES = {
  auto: word('auto', { doc: 'local or amd, if installed', load: null }),
  none: word('none', { doc: '', load: null }),
  local: word('local', {
    doc: 'nvidia-smi',
    load: async () => {
      const { prepareLocalSmi } = await import('./smi/local-smi.ts')
      return (_, options) => prepareLocalSmi(options)
    },
    absent: 'missing/nvidia-smi',
  }),
  amd: word('amd', {
    doc: 'amd-smi or rocm-smi, untested',
    load: async () => {
      const { prepareAmd } = await import('./amd/amd-source.ts')
      return (_, options) => prepareAmd(options)
    },
    absent: 'missing/amd-smi',
  }),
  ssh: source({
    form: SSH_FORM,
    doc: 'nvidia-smi and /proc there',
    parse: (text, { ssh, wrong }) => (text.startsWith('ssh:') ? parseSshTarget(text, ssh, wrong) : null),
    load: async () => (await import('./smi/ssh-smi.ts')).prepareSshSmi,
  }),
  dcgm: source({
    form: 'dcgm:URL',
    doc: 'a DCGM exporter',
    parse(text, { wrong }) {
      if (!text.startsWith('dcgm:')) return null
      const url = metricsUrl(text.slice('dcgm:'.length))
      if (url === null) throw wrong('expected dcgm:http://host:9400/metrics')
      return { kind: 'dcgm' as const, url }
    },
    load: async () => {
      const { prepareDcgm } = await import('./dcgm.ts')
      return ({ url }, options) => prepareDcgm(url, options)
    },
  }),
}

export type GpuSourceKind = keyof typeof GPU_SOURCES

/** Where GPU samples come from. */
export type GpuTarget = {
  [K in GpuSourceKind]: NonNullable<ReturnType<(typeof GPU_SOURCES)[K]['parse']>>
}[GpuSourceKind]

/** The values of `--gpu` and what they mean, for its help. */
export const GPU_VALUES = Object.values(GPU_SOURCES)
  .map(({ form, doc }) => (doc === '' ? form : `${form} (${doc})`))
  .join(', ')
