import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './temp-folder.ts'

/** Tokens of each of the two requests. */
export const TOKENS = 12
const PROMPTS = 'size,prompt\n10,"Tell me a story."\n10,"Count to ten."\n'

export interface ToldOfOs {
  os: {
    source: string
    not_seen: string[]
    forwards: number | null
    threads: { thread: string; on_cpu_s: number }[]
    processes: {
      process: string
      minor_faults: number | null
      mmap_calls: number | null
      cpus_allowed: string | null
    }[]
  } | null
}

/** A folder that any user may write to, with prompts in it. */
export function tracedFolder(): string {
  const folder = tempFolder()
  chmodSync(folder, 0o777)
  writeFileSync(join(folder, 'prompts.csv'), PROMPTS)
  return folder
}

/** A trace of those prompts as JSON, into `run`. */
export function traceArguments(url: string): string[] {
  return [
    'trace',
    '--prompts',
    'prompts.csv',
    '--url',
    url,
    '--max-tokens',
    String(TOKENS),
    '--ignore-eos',
    '--out',
    'run',
    '--json',
  ]
}
