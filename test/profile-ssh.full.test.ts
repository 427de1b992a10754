import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { localProfileFolder, remoteProfileFolder } from '../src/sources/engine/profiler/profile-folder.ts'
import { sshClock } from '../src/sources/engine/profiler/ssh-clock.ts'
import { parseSshFolder, type SshFolder } from '../src/sources/ssh/ssh-folder.ts'
import { memoryContext } from './support/memory-context.ts'
import { needs } from './support/needs.ts'
import { noSshd, sessionPath, startSshd, type TestSshd } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'

let host: TestSshd | undefined
afterEach(() => host?.stop())

async function remote(path: string): Promise<SshFolder> {
  host = await startSshd({ PATH: sessionPath() })
  const folder = parseSshFolder(`ssh://${host.user}@127.0.0.1:${host.port}${path}`, '--profile-dir', {
    configPath: host.configPath,
  })
  if (folder === null) throw new Error('no address')
  return folder
}

describe('a folder of profiles on another machine', () => {
  needs(noSshd)

  it('brings the traces that are new, byte by byte, as the same folder does here', async () => {
    // A name that a shell would take apart.
    const path = join(tempFolder(), "it's a $(folder)")
    mkdirSync(path)
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251))
    writeFileSync(join(path, 'old.pt.trace.json'), '{}')
    writeFileSync(join(path, '$(touch here).json'), 'no name of a trace')
    for (const folder of [remoteProfileFolder(await remote(path)), localProfileFolder(path)]) {
      writeFileSync(join(path, 'grown.json'), '{"traceEvents":[')
      writeFileSync(join(path, 'rank0.1.pt.trace.json.gz'), 'of another run')
      const before = await folder.list()
      writeFileSync(join(path, 'rank0.1.pt.trace.json.gz'), bytes)
      writeFileSync(join(path, 'grown.json'), '{"traceEvents":[]}')
      const { files, discard } = await folder.fetch(before)
      expect(files.map((file) => [file.slice(file.lastIndexOf('/') + 1), readFileSync(file).length])).toEqual([
        ['grown.json', 18],
        ['rank0.1.pt.trace.json.gz', bytes.length],
      ])
      expect(readFileSync(files[1] ?? '').equals(bytes)).toBe(true)
      discard()
    }
  })

  it('says that it is not there', async () => {
    const folder = remoteProfileFolder(await remote('/no/such/folder'))
    await expect(folder.list()).rejects.toMatchObject({
      code: 'input/ssh-folder',
      message: expect.stringContaining('/no/such/folder'),
    })
    await expect(localProfileFolder('/no/such/folder').list()).rejects.toMatchObject({ code: 'input/profile-dir' })
  })

  it("tells that machine's clock: here the same as ours", async () => {
    const { context } = memoryContext()
    const { offsetNs, uncertaintyNs } = await sshClock((await remote('/tmp')).target).measure(context)
    const ours = context.unixOffset()
    expect(Math.abs(offsetNs - ours.offsetNs)).toBeLessThanOrEqual(uncertaintyNs + ours.uncertaintyNs)
  })
})
