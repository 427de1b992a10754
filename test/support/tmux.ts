import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { cleanEnv } from './cli.ts'
import { tempFolder } from './temp-folder.ts'

const run = promisify(execFile)

export interface Tmux {
  /** The screen as it is, without colours; `colours`: with their escape sequences. */
  screen(colours?: boolean): Promise<string[]>
  keys(...keys: string[]): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** What tmux knows of the pane: `#{alternate_on}` and the like. */
  ask(format: string): Promise<string>
  /** Resolves with the screen once it matches; fails with the screen after `seconds`. */
  shows(pattern: RegExp, seconds?: number): Promise<string[]>
}

/** A real terminal of that size in which a shell runs; it goes with the test. */
export async function startTmux(
  size: { columns: number; rows: number },
  env: Record<string, string> = {},
): Promise<Tmux> {
  const socket = join(tempFolder(), 'tmux')
  const command = (...args: string[]) =>
    run('tmux', ['-S', socket, ...args], { env: cleanEnv({ ...env, TMUX: undefined }) })
  const { columns, rows } = size
  const shell = ['env', 'PS1=ready> ', 'sh', '-i']
  await command('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), ...shell)
  onTestFinished(async () => {
    await command('kill-server').catch(() => undefined)
  })
  const screen = async (colours = false) => {
    const { stdout } = await command('capture-pane', '-p', ...(colours ? ['-e'] : []))
    return stdout.replace(/\n$/, '').split('\n')
  }
  return {
    screen,
    keys: async (...keys) => void (await command('send-keys', ...keys)),
    resize: async (x, y) => void (await command('resize-window', '-x', String(x), '-y', String(y))),
    ask: async (format) => (await command('display-message', '-p', format)).stdout.trim(),
    async shows(pattern, seconds = 300) {
      const until = performance.now() + seconds * 1000
      for (;;) {
        const lines = await screen()
        if (pattern.test(lines.join('\n'))) return lines
        if (performance.now() > until) throw new Error(`no ${pattern} on the screen:\n${lines.join('\n')}`)
        await sleep(100)
      }
    },
  }
}
