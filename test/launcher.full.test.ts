import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECKOUT, LAYERLINE, layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

test('through links, of the file and of its folder, from anywhere', async () => {
  const folder = tempFolder()
  mkdirSync(join(folder, 'some where'))
  symlinkSync(LAYERLINE, join(folder, 'some where', 'first'))
  symlinkSync(join('some where', 'first'), join(folder, 'll'))
  symlinkSync(dirname(LAYERLINE), join(folder, 'bin'))
  for (const bin of [join(folder, 'll'), './ll', join(folder, 'some where', 'first'), './bin/layerline']) {
    const { code, stdout, stderr } = await layerline(folder, ['--version'], { bin, env: { CDPATH: '/' } })
    expect({ code, stderr }, bin).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  }
})

test('without node there is a sentence', async () => {
  const folder = tempFolder()
  for (const tool of ['sh', 'dirname', 'readlink']) {
    symlinkSync(execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(), join(folder, tool))
  }
  const { code, stdout, stderr } = await layerline(folder, ['--help'], { env: { PATH: folder } })
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  expect(stderr).toMatch(/^layerline: Node\.js is not installed; expected Node >= 20\.19 on PATH/)
})

test("options that are Node's too are ours", async () => {
  const folder = tempFolder()
  for (const option of ['--env-file', '--inspect-brk']) {
    const { code, stderr } = await layerline(folder, ['trace', option, 'gone', '--prompts', 'gone.csv'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^layerline: /)
  }
})

test('first use installs and builds, twice at once too; later ones do nothing', async (context) => {
  const copy = join(tempFolder(), 'checkout')
  try {
    const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
      cwd: CHECKOUT,
    })
    for (const name of files.toString('utf8').split('\0').filter(Boolean)) {
      if (existsSync(join(CHECKOUT, name))) cpSync(join(CHECKOUT, name), join(copy, name))
    }
  } catch {
    return context.skip('this checkout has no git to list its files')
  }
  const start = () =>
    layerline(copy, ['--help'], {
      bin: join(copy, 'bin/layerline'),
      env: { npm_config_prefer_offline: 'true' },
    })
  const both = await Promise.all([start(), start()])
  for (const { code, stdout, stderr } of both) {
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('Usage: layerline')
  }
  const said = both.map(({ stderr }) => stderr).join('')
  expect(said.match(/installing dependencies/g)).toHaveLength(1)
  expect(said.match(/building/g)).toHaveLength(1)
  expect(existsSync(join(copy, '.setup-lock'))).toBe(false)

  const main = join(copy, 'dist/src/cli/main.js')
  const built = statSync(main).mtimeMs
  const second = await start()
  expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 0, stderr: '' })
  expect(statSync(main).mtimeMs).toBe(built)

  // An edit builds again, a crash in the middle of that does not stop the next start.
  const now = new Date()
  utimesSync(join(copy, 'src/cli/main.ts'), now, now)
  mkdirSync(join(copy, '.setup-lock'))
  const dead = execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim()
  writeFileSync(join(copy, '.setup-lock', 'pid'), dead)
  rmSync(main)
  const third = await start()
  expect(third.code, third.stderr).toBe(0)
  expect(third.stderr).toMatch(/building/)
  expect(third.stderr).not.toMatch(/installing/)
})
