import { createWriteStream, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import { scratchFolder } from '../../../base/scratch-folder.ts'
import { quoted } from '../../ssh/remote-script.ts'
import { runOverSsh, type SshFolder } from '../../ssh/ssh-folder.ts'

/** Traces by name, with what distinguishes a new one from an old: its size, and, if known, when it was written. */
type Listing = ReadonlyMap<string, string>

/** The folder into which a server's profiler writes. */
export interface ProfileFolder {
  /** As the user would name it. */
  readonly name: string
  list(): Promise<Listing>
  /**
   * Copies the traces that are not in `before` to this machine: returns their paths, and a function that frees the disk
   * space.
   */
  fetch(before: Listing): Promise<{ files: string[]; discard(): void }>
}

/** Names that are safe to pass to a shell and to use as file names. */
const TRACE = /^[\w.@+:=-]+\.json(\.gz|\.zst)?$/

/** A folder of this machine. Throws `input/profile-dir` where it cannot be read. */
export function localProfileFolder(path: string): ProfileFolder {
  const list = async (): Promise<Listing> => {
    try {
      return new Map(
        readdirSync(path)
          .filter((name) => TRACE.test(name))
          .map((name) => {
            const { size, mtimeMs } = statSync(join(path, name))
            return [name, `${size} ${mtimeMs}`]
          }),
      )
    } catch (cause) {
      throw new LayerlineError('input/profile-dir', `${path}: ${errorText(cause)}`, {
        hint: "expected the folder that the server's torch_profiler_dir names",
        cause,
      })
    }
  }
  return {
    name: path,
    list,
    fetch: async (before) => ({
      files: fresh(await list(), before).map((name) => join(path, name)),
      discard() {},
    }),
  }
}

/** A folder of another machine: traces are copied here, and the copies go when they have been read. */
export function remoteProfileFolder({ target, path }: SshFolder): ProfileFolder {
  const inFolder = `cd ${quoted(path)} || exit 66\n`
  const list = async (): Promise<Listing> => {
    const out = new PassThrough()
    const said = text(out)
    const lines = `for each in *.json *.json.gz *.json.zst; do [ -f "$each" ] && printf '%s %s\\n' "$(wc -c <"$each")" "$each"; done\nexit 0\n`
    await runOverSsh(target, inFolder + lines, out)
    return new Map(
      (await said).split('\n').flatMap((line) => {
        const [, bytes = '', name = ''] = /^\s*(\d+) (.+)$/.exec(line) ?? []
        return TRACE.test(name) ? [[name, bytes] as const] : []
      }),
    )
  }
  return {
    name: `ssh://${target.host}${path}`,
    list,
    async fetch(before) {
      const folder = scratchFolder('profile')
      const discard = () => rmSync(folder, { recursive: true, force: true })
      try {
        const files = []
        for (const name of fresh(await list(), before)) {
          const file = join(folder, name)
          await runOverSsh(target, `${inFolder}exec cat ./${quoted(name)}\n`, createWriteStream(file, { mode: 0o600 }))
          files.push(file)
        }
        return { files, discard }
      } catch (error) {
        discard()
        throw error
      }
    },
  }
}

function fresh(now: Listing, before: Listing): string[] {
  return [...now].flatMap(([name, is]) => (before.get(name) === is ? [] : [name])).sort()
}
