import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runProgram } from '../src/cli/program.ts'
import { recoverRun } from '../src/session/recover-run.ts'
import { knownRun } from './support/known-run.ts'
import { tempFolder } from './support/temp-folder.ts'

test('export and import on the command line', async () => {
  const folder = tempFolder()
  const run = await knownRun(folder)
  const printed: string[] = []
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
  try {
    const to = (out: string, ...more: string[]) => runProgram(['export', run, '--out', join(folder, out), ...more])
    // The format and the end of the window are both given with --to, in any order.
    expect(await to('a.json', '--to', '1.5', '--from', '1', '--to', 'chrome', '--layers', 'gpu', '--json')).toBe(0)
    // 5 samples of 3 counters, and the name of their process.
    expect(JSON.parse(printed.join(''))).toEqual([{ path: join(folder, 'a.json'), rows: 16, what: 'events' }])
    await expect(to('b', '--to', 'chrome', '--to', 'perfetto')).rejects.toThrow(/expected one of parquet/)
    await expect(to('b', '--to', '3')).rejects.toThrow(/expected one of parquet/)
    await expect(to('b', '--to', 'chrome', '--to', 'x')).rejects.toThrow(/--to x: expected/)
    await expect(to('b', '--to', 'chrome', '--from', '2', '--to', '1')).rejects.toThrow(/an end after the start/)
    await expect(to('b', '--to', 'parquet', '--layers', 'gpu')).rejects.toThrow(
      /--layers: --to parquet does not take it/,
    )
    expect(existsSync(join(folder, 'b'))).toBe(false)
    writeFileSync(join(folder, 'file'), '')
    for (const format of ['parquet', 'chrome']) {
      for (const place of ['/proc/folder/x', join(folder, 'file', 'x')]) {
        const failing = runProgram(['export', run, '--to', format, '--out', place])
        await expect(failing).rejects.toMatchObject({ code: 'input/out-unwritable' })
      }
    }
    expect(await runProgram(['report', run, '--json'])).toBe(0)
    expect(JSON.parse(printed.splice(0).slice(-1).join('')).run.imported).toBe(null)
    expect(await to('t.csv', '--to', 'tracer-csv')).toBe(0)
    printed.length = 0
    expect(await runProgram(['import', join(folder, 't.csv'), '--out', join(folder, 'back'), '--json'])).toBe(0)
    const imported = JSON.parse(printed.join(''))
    expect(imported).toMatchObject({ format: 'tracer-trace', rows: { requests: 3, counters: 105 } })
    expect(imported.notes).toContainEqual({ level: 'note', what: 'tokens', text: expect.stringContaining('token') })

    // The notes of the import stay with the run, whichever command reports it.
    printed.length = 0
    expect(await runProgram(['report', join(folder, 'back'), '--json'])).toBe(0)
    expect(JSON.parse(printed.join('')).run.imported).toEqual({ format: 'tracer-trace', notes: imported.notes })
    printed.length = 0
    expect(await runProgram(['report', join(folder, 'back')])).toBe(0)
    const section = /as imported from tracer-trace ─+\n([\s\S]*?)\n\n/.exec(printed.join(''))?.[1]
    expect(section?.split('\n').filter((line) => /^ {2}[·!]/.test(line))).toHaveLength(imported.notes.length)
    for (const { text } of imported.notes) expect(section?.replaceAll(/\s+/g, ' ')).toContain(text.slice(0, 60))

    // An import that was cut off between its last row and its seal.
    const path = join(folder, 'back', 'run.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), state: 'recording', shards: [] }))
    expect((await recoverRun(join(folder, 'back'))).run).toMatchObject({ state: 'sealed', verdict: imported.notes })
  } finally {
    stdout.mockRestore()
  }
})
