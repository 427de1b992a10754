import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import { bpftraceError, kernelLockdown, noTracefs, silentBpftrace, tracefs } from './bpftrace-errors.ts'

/** As bpftrace 0.20 words it under lockdown, a paragraph. */
const PARAGRAPH = `ERROR: Kernel lockdown is enabled and set to 'confidentiality'. Lockdown mode blocks
parts of BPF which makes it impossible for bpftrace to function. Please see
https://bpftrace.org for help.
`

it('names the lockdown that a kernel is in by the line that says so', () => {
  const { message, hint, exitCode } = bpftraceError(PARAGRAPH, 'ended with 1', null, true)
  expect(message).toContain("Kernel lockdown is enabled and set to 'confidentiality'")
  expect(message).not.toContain('https://bpftrace.org')
  expect(hint).toContain('Secure Boot')
  expect(exitCode).toBe(4)
})

it('asks the kernel where bpftrace names no more than a refusal', () => {
  const refused = "Error creating map: 'x': Operation not permitted\nCreation of the required BPF maps has failed.\n"
  expect(bpftraceError(refused, '', 'integrity', true).message).toContain('lockdown (integrity)')
  const unknown = bpftraceError(refused, '', null, true).hint
  expect(unknown).toContain('--privileged')
  expect(unknown).toContain('lockdown')
  expect(bpftraceError(refused, '', null, false).hint).not.toContain('lockdown')
})

it('gives the first line of what it does not know', () => {
  expect(bpftraceError('made up\nKeep in mind\n', '', null, true).message).toBe('bpftrace: made up')
  expect(bpftraceError('', 'ended with 7', null, true).message).toBe('bpftrace: ended with 7')
  expect(silentBpftrace(20_000, '\nwaiting for x\n').message).toContain('waiting for x')
})

it('reads the mode of a lockdown', () => {
  const folder = tempFolder()
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'lockdown')
  writeFileSync(file, 'none [integrity] confidentiality\n')
  expect(kernelLockdown(file)).toBe('integrity')
  writeFileSync(file, '[none] integrity confidentiality\n')
  expect(kernelLockdown(file)).toBeNull()
  expect(kernelLockdown(join(folder, 'absent'))).toBeNull()
})

it('tracefs that this user may not read is not one that is not mounted', () => {
  const saying = (code: string) => () => {
    throw Object.assign(new Error(code), { code })
  }
  expect(tracefs(saying('EACCES'))).toBe('closed')
  expect(tracefs(saying('ENOENT'))).toBe('absent')
  expect(tracefs(() => undefined)).toBe('readable')
  expect([noTracefs('closed').code, noTracefs('absent').code]).toEqual(['missing/tracefs-rights', 'missing/tracefs'])
})
