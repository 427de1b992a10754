import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import { isSameProcessAlive, processStart } from '../../../base/process-identity.ts'
import { prepareOs } from '../os-source.ts'
import { SILENT } from './bpftrace-errors.ts'
import { BpftraceProcess } from './bpftrace-process.ts'

let folder = ''
beforeEach(() => {
  folder = tempFolder()
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
  vi.stubEnv('LAYERLINE_BPFTRACE_TIMEOUT_S', '0.3')
})
afterEach(() => vi.unstubAllEnvs())

/** A bpftrace that notes who it is and does this. */
function fakeBpftrace(does: string): void {
  const path = join(folder, 'bpftrace')
  writeFileSync(path, `#!/bin/sh\necho "$$" >> ${folder}/pids\n${does}\n`)
  chmodSync(path, 0o755)
}

const DEAF = 'trap "" INT TERM HUP\nwhile :; do sleep 1000; done'
const start = (signal?: AbortSignal) =>
  new BpftraceProcess({ script: 'BEGIN {}', mapKeys: 1, onMessage: () => undefined, signal })

function pids(): number[] {
  const path = join(folder, 'pids')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : []
}

const nobodyLeft = () => vi.waitFor(() => expect(pids().filter((pid) => isAlive(pid))).toEqual([]), 10_000)
const isAlive = (pid: number) => processStart(pid) !== '' && isSameProcessAlive(pid, processStart(pid))

it('is given up when it says nothing, and is ended though it heeds no signal', async () => {
  fakeBpftrace(DEAF)
  const bpftrace = start()
  await expect(bpftrace.ready).rejects.toMatchObject({ code: SILENT, exitCode: 4 })
  await bpftrace.stop()
  expect(pids()).toHaveLength(1)
  await nobodyLeft()
})

it('is given up at once when that is asked', async () => {
  fakeBpftrace(DEAF)
  vi.stubEnv('LAYERLINE_BPFTRACE_TIMEOUT_S', '1000')
  const abort = new AbortController()
  const bpftrace = start(abort.signal)
  await vi.waitFor(() => expect(pids()).toHaveLength(1), 10_000)
  abort.abort()
  await expect(bpftrace.ready).rejects.toMatchObject({ code: 'interrupted/signal' })
  await bpftrace.stop()
  await nobodyLeft()
})

it('leaves the kernel view to /proc when it says nothing, and is not asked again for each file', async () => {
  fakeBpftrace(DEAF)
  const source = await prepareOs({ target: { kind: 'processes', pids: [process.pid] } })
  expect(source.probed).toBe(false)
  expect(source.problem).toContain('not ready within 0.3 s')
  expect(pids()).toHaveLength(1)
  await source.stop()
  await nobodyLeft()
})

it('tells by its own first line why it ended', async () => {
  fakeBpftrace('echo "no such thing" >&2\necho "Keep in mind" >&2\nexit 1')
  const bpftrace = start()
  await expect(bpftrace.ready).rejects.toMatchObject({ message: 'bpftrace: no such thing' })
  await bpftrace.stop()
})
