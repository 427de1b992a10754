import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheLayout } from '../../care/install/cache.ts'
import { fileDigest, folderBytes, hasStamp, refuseFile, writeStamp } from '../../care/install/checked-file.ts'
import type { InstallStep } from '../../care/progress.ts'
import { runTool } from '../../care/tool.ts'
import lock from './engine-lock.json' with { type: 'json' }
import { ENGINE, type PlatformPin } from './pins.ts'

const STAMP = '.layerline-complete'

/** As npm writes it. */
const LOCK_TEXT = `${JSON.stringify(lock, null, 2)}\n`

const PACKAGE_JSON = JSON.stringify({
  name: 'layerline-llamacpp',
  private: true,
  dependencies: { [ENGINE.package]: ENGINE.version },
})

const NPM_QUIET = ['--no-audit', '--no-fund', '--loglevel=error']

function stampContent(pin: PlatformPin): string {
  const digest = createHash('sha256').update(LOCK_TEXT).digest('hex')
  return JSON.stringify({ version: ENGINE.version, lock: digest, platform: pin.integrity })
}

/** The finished engine: package.json, node_modules and our stamp. */
export function engineFolder(layout: CacheLayout): string {
  return join(layout.engines, `${ENGINE.name}-${ENGINE.version}`)
}

/** Whether exactly the pinned engine is in the cache. */
export function engineReady(layout: CacheLayout, pin: PlatformPin): boolean {
  return hasStamp(join(engineFolder(layout), STAMP), stampContent(pin))
}

/** Installs the core by our lock file and the one platform package into the staging folder, then moves it into place. */
export async function installEngine(step: InstallStep, pin: PlatformPin): Promise<void> {
  const { layout } = step
  const stage = join(layout.staging, `${ENGINE.name}-${ENGINE.version}`)
  const content = stampContent(pin)
  if (!hasStamp(join(stage, '.core'), content)) await installCore(step, stage, content)
  await installPlatform(step, stage, pin)
  writeStamp(join(stage, STAMP), content)
  const folder = engineFolder(layout)
  mkdirSync(layout.engines, { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  renameSync(stage, folder)
}

async function installCore(step: InstallStep, stage: string, content: string): Promise<void> {
  rmSync(stage, { recursive: true, force: true })
  writeStamp(join(stage, 'package.json'), PACKAGE_JSON)
  writeStamp(join(stage, 'package-lock.json'), LOCK_TEXT)
  const report = (done: number) =>
    step.onProgress({
      name: 'engine',
      done: Math.min(done, ENGINE.coreBytes),
      total: ENGINE.coreBytes,
      unit: 'bytes',
      text: `installing ${ENGINE.package} ${ENGINE.version}`,
    })
  report(0)
  await runTool('npm', ['ci', '--omit=optional', '--ignore-scripts', '--no-bin-links', ...NPM_QUIET], {
    cwd: stage,
    env: step.env,
    onTick: () => report(folderBytes(join(stage, 'node_modules'))),
  })
  writeStamp(join(stage, '.core'), content)
  report(ENGINE.coreBytes)
}

async function installPlatform(step: InstallStep, stage: string, pin: PlatformPin): Promise<void> {
  const target = join(stage, 'node_modules', pin.package)
  const folder = join(step.layout.staging, 'platform')
  const report = (done: number) =>
    step.onProgress({
      name: 'platform',
      done,
      total: pin.packedBytes,
      unit: 'bytes',
      text: `fetching ${pin.package} ${ENGINE.version}`,
    })
  report(0)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await runTool('npm', ['pack', `${pin.package}@${ENGINE.version}`, ...NPM_QUIET], { cwd: folder, env: step.env })
  const packed = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'package.tgz')
  const found = `sha512-${(await fileDigest(packed, 'sha512')).toString('base64')}`
  if (found !== pin.integrity) refuseFile(packed, pin.integrity, found)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  await runTool('tar', ['-xzf', packed, '-C', target, '--strip-components', '1'], { cwd: folder, env: step.env })
  rmSync(folder, { recursive: true, force: true })
  report(pin.packedBytes)
}
