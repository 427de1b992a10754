import { openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type CacheLayout, makeFolder } from '../install/cache.ts'

const KEPT_LOGS = 20

/** A new log for an engine that is being started, open for its output; removes the oldest logs. */
export function createLog(layout: CacheLayout, engine: string): { path: string; file: number } {
  makeFolder(layout.logs)
  removeOldLogs(layout.logs)
  const path = join(layout.logs, `${engine}-${process.pid}-${Date.now()}.log`)
  return { path, file: openSync(path, 'w', 0o600) }
}

/** Where the log of an engine that runs is moved: it can be found by its port. */
export function runningLog(layout: CacheLayout, engine: string, port: number): string {
  return join(layout.logs, `${engine}-${port}.log`)
}

function removeOldLogs(folder: string): void {
  const logs = readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) => ({ path, changedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.changedMs - a.changedMs)
  for (const { path } of logs.slice(KEPT_LOGS)) rmSync(path, { force: true })
}

/** The last line of a log, '' for an empty one. */
export function lastLogLine(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)?.trim() ?? ''
}
