import { spawn } from 'node:child_process'

/** Asks the desktop to open an address; says so where it cannot. The browser is not this process's to end. */
export function openBrowser(url: string): void {
  const [program, ...args] = process.platform === 'darwin' ? ['open', url] : ['xdg-open', url]
  const child = spawn(program as string, args, { stdio: 'ignore', detached: true })
  child.on('error', () => process.stderr.write('no browser could be started: open the address above\n'))
  child.unref()
}
