import type { CacheLayout } from './install/cache.ts'

export interface Progress {
  /** Changes when another step starts. */
  name: string
  /** Of `total`, in `unit`; total 0: unknown. */
  done: number
  total: number
  unit: 'bytes' | 'ratio' | ''
  /** One line for people. */
  text: string
}

export type OnProgress = (step: Progress) => void

export interface InstallStep {
  layout: CacheLayout
  env: NodeJS.ProcessEnv
  onProgress: OnProgress
}
