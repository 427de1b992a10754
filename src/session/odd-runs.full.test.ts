import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { openSealedRun } from '../exports/sealed-run.ts'
import { openRun } from '../store/read/open-run.ts'
import { recoverRun } from '../store/seal/recover.ts'
import { codeOf } from '../trace/columns.ts'
import { PHASES, STATUSES } from '../trace/tables.ts'
import { Recording } from './recording.ts'

async function record(out: string, ids: readonly number[], model = 'real'): Promise<Recording> {
  mkdirSync(dirname(out), { recursive: true })
  const recording = await Recording.start(
    { command: 'test', out, config: {}, sampling: {}, seed: 7, hosts: [], engine: null },
    (error) => expect.unreachable(error.message),
  )
  for (const request_id of ids) {
    recording.store.writers.requests.append({
      request_id,
      shard: 0,
      scheduled_ns: request_id,
      status: codeOf(STATUSES, 'ok'),
      phase: codeOf(PHASES, 'measured'),
      repeat: 0,
      profiled: false,
      model,
    })
  }
  await recording.store.commit()
  return recording
}

async function idsOf(out: string): Promise<unknown[]> {
  const run = await openRun(out)
  try {
    return (await run.query('SELECT request_id FROM requests ORDER BY 1')).map(({ request_id }) => request_id)
  } finally {
    await run.close()
  }
}

/** Names with a meaning in globs, SQL, URLs or Hive paths, and a sibling that the glob would take for it. */
const ODD = [
  { name: 'a[1]b', decoy: 'a1b' },
  { name: '[!x]', decoy: 'y' },
  { name: 's*x', decoy: 'sAx' },
  { name: '**', decoy: 'any' },
  { name: "quo'te", decoy: null },
  { name: 'dq"x', decoy: null },
  { name: 'new\nline', decoy: null },
  { name: '{a,b}', decoy: 'a' },
  { name: 'back\\slash', decoy: null },
  { name: 'model=other', decoy: null },
  { name: '%41 #&;--', decoy: null },
]

describe.for(ODD)('a run below a folder named $name', ({ name, decoy }) => {
  test('is recorded, read while it is, sealed, recovered and exported, and is no other', async () => {
    const parent = tempFolder()
    if (decoy !== null) await (await record(join(parent, decoy, 'run'), [9])).finish()
    const out = join(parent, name, 'run')
    const recording = await record(out, [1, 2])
    expect(await idsOf(out)).toEqual([1, 2])
    await recording.finish()
    expect(await idsOf(out)).toEqual([1, 2])
    const run = await openRun(out)
    // A folder named like a column must not replace it.
    expect(await run.query('SELECT DISTINCT model FROM requests')).toEqual([{ model: 'real' }])
    await run.close()
    const sealed = await openSealedRun(out)
    expect(await sealed.rows('SELECT request_id FROM requests ORDER BY 1')).toEqual([
      { request_id: 1 },
      { request_id: 2 },
    ])
    sealed.close()

    const crashed = await record(join(parent, name, 'crashed'), [3])
    await crashed.store.close()
    const { run: recovered } = await recoverRun(crashed.folder)
    expect(recovered.layers.requests?.rows).toBe(1)
    expect(await idsOf(crashed.folder)).toEqual([3])
  })
})

test('a folder in which the database would lose its log is refused before anything is made', async () => {
  const parent = join(tempFolder(), 'what?')
  await expect(record(join(parent, 'run'), [1])).rejects.toMatchObject({ code: 'input/run-path', exitCode: 2 })
  expect(readdirSync(parent)).toEqual([])
})

test('a sealed run that was moved below such a folder is read', async () => {
  const parent = tempFolder()
  await (await record(join(parent, 'run'), [1])).finish()
  mkdirSync(join(parent, 'what?'))
  renameSync(join(parent, 'run'), join(parent, 'what?', 'run'))
  expect(await idsOf(join(parent, 'what?', 'run'))).toEqual([1])
})

describe('parts that are not what they should be', () => {
  async function sealedRun(): Promise<{ out: string; part: string }> {
    const out = join(tempFolder(), 'run')
    await (await record(out, [1, 2, 3])).finish()
    return { out, part: join(out, 'requests', 'part-0-0.parquet') }
  }

  async function expectRefused(out: string, part: string): Promise<void> {
    for (const open of [openRun, openSealedRun]) {
      const error = await open(out).then(
        () => expect.unreachable('opened'),
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code: 'input/run-part', exitCode: 2, message: expect.stringContaining(part) })
    }
  }

  test('cut at any place', async () => {
    const { out, part } = await sealedRun()
    const whole = readFileSync(part)
    for (const bytes of [0, 3, 100, whole.length - 1]) {
      writeFileSync(part, whole.subarray(0, bytes))
      await expectRefused(out, part)
    }
  })

  test('no Parquet, Parquet of another table, and of other types', async () => {
    const { out, part } = await sealedRun()
    writeFileSync(part, 'request_id,model\n1,x\n')
    await expectRefused(out, part)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    for (const select of ['SELECT 1 AS x', "SELECT 'yes' AS sent_ns, 1::UINTEGER AS request_id"]) {
      rmSync(part)
      await connection.run(`COPY (${select}) TO '${part}' (FORMAT parquet)`)
      await expectRefused(out, part)
    }
  })

  test('one beside good ones is named', async () => {
    const { out } = await sealedRun()
    const foreign = join(out, 'requests', 'part-7-0.parquet')
    writeFileSync(foreign, 'PAR1')
    await expectRefused(out, foreign)
  })

  test('rows that are damaged, in a file whose head is right', async () => {
    const { out, part } = await sealedRun()
    const bytes = readFileSync(part)
    bytes.fill(0xff, 4, bytes.length - bytes.readUInt32LE(bytes.length - 8) - 8)
    writeFileSync(part, bytes)
    const run = await openRun(out)
    await expect(run.query('SELECT request_id, model FROM requests')).rejects.toMatchObject({
      code: 'input/run-part',
      exitCode: 2,
    })
    await run.close()
  })
})

describe('symbolic links in a run lead nowhere', () => {
  /** What a run's folder could lead to, and what lies in it. */
  function precious(): { folder: string; intact(): boolean } {
    const folder = tempFolder()
    writeFileSync(join(folder, 'thesis.tmp'), 'years of work')
    return { folder, intact: () => readdirSync(folder).join() === 'thesis.tmp' }
  }

  test.for(['requests', 'chunks', '.tmp', '.tmp-abc', 'run.json.tmp', 'live-0.duckdb.wal', 'recover.lock', '.live'])(
    'recover refuses one named %s, and changes nothing',
    async (name) => {
      const recording = await record(join(tempFolder(), 'run'), [1])
      await recording.store.close()
      const { folder } = recording
      const { folder: outside, intact } = precious()
      rmSync(join(folder, name), { recursive: true, force: true })
      symlinkSync(
        name.includes('.json') || name.includes('.wal') ? join(outside, 'thesis.tmp') : outside,
        join(folder, name),
      )
      const before = readFileSync(join(folder, 'run.json'), 'utf8')
      await expect(recoverRun(folder)).rejects.toMatchObject({ code: 'input/run-link', exitCode: 2 })
      expect(intact()).toBe(true)
      expect(readFileSync(join(outside, 'thesis.tmp'), 'utf8')).toBe('years of work')
      expect(readFileSync(join(folder, 'run.json'), 'utf8')).toBe(before)
    },
  )

  test('one within a table, and one in a sealed run', async () => {
    const recording = await record(join(tempFolder(), 'run'), [1])
    await recording.finish()
    const { folder: outside, intact } = precious()
    symlinkSync(join(outside, 'thesis.tmp'), join(recording.folder, 'requests', 'part-0-1.parquet.tmp'))
    await expect(recoverRun(recording.folder)).rejects.toMatchObject({ code: 'input/run-link' })
    expect(intact()).toBe(true)
  })

  test('a run that is reached by one is sealed', async () => {
    const recording = await record(join(tempFolder(), 'run'), [1])
    await recording.store.close()
    const link = join(tempFolder(), 'latest')
    symlinkSync(recording.folder, link)
    expect((await recoverRun(link)).run.state).toBe('sealed')
  })
})

test('a run is recorded and read where no temporary folder can be made', async () => {
  const before = process.env.TMPDIR
  const folder = tempFolder()
  process.env.TMPDIR = join(folder, 'nowhere')
  try {
    // Too long a path for a socket in it.
    const out = join(folder, 'x'.repeat(120), 'run')
    const recording = await record(out, [1])
    await expect(openRun(out)).rejects.toMatchObject({ code: 'input/still-recording' })
    await recording.finish()
    expect(await idsOf(out)).toEqual([1])
    await expect(openSealedRun(out)).rejects.toMatchObject({ code: 'missing/temporary-folder', exitCode: 4 })
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})

test('a run whose path is too long for a socket is read while it is recorded, by one in a private folder that goes', async () => {
  const before = process.env.TMPDIR
  const [folder, temporary] = [tempFolder(), tempFolder()]
  process.env.TMPDIR = temporary
  try {
    const out = join(folder, 'x'.repeat(120), 'run')
    const recording = await record(out, [1])
    const [name = ''] = readdirSync(temporary)
    expect(statSync(join(temporary, name)).mode & 0o777).toBe(0o700)
    expect(await idsOf(out)).toEqual([1])
    await recording.finish()
    expect(readdirSync(temporary)).toEqual([])
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})

test('what a reader spills lies where nobody else can look or foretell, and goes', async () => {
  const [parent, outside] = [tempFolder(), tempFolder()]
  const before = process.env.TMPDIR
  const out = join(tempFolder(), 'run')
  await (await record(out, [1])).finish()
  process.env.TMPDIR = parent
  try {
    expect(tmpdir()).toBe(parent)
    writeFileSync(join(outside, 'thesis'), '')
    // The name that a reader of this process once had.
    symlinkSync(outside, join(parent, `layerline-sql-${process.pid}`))
    const run = await openRun(out)
    const mine = readdirSync(parent).filter((name) => !name.endsWith(`-${process.pid}`))
    expect(mine.length).toBe(1)
    expect(statSync(join(parent, mine[0] ?? '')).mode & 0o777).toBe(0o700)
    await run.close()
    expect(existsSync(join(outside, 'thesis'))).toBe(true)
    expect(readdirSync(parent)).toEqual([`layerline-sql-${process.pid}`])
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})
