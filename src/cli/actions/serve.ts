import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { startWebServer } from '../../server/web/web-server.ts'
import type { Run } from '../command.ts'
import { PAGE_PORT, type serveCommand } from '../commands/serve.ts'
import { thisProgram } from '../this-program.ts'
import { openBrowser } from '../views/open-browser.ts'

export const runServe: Run<typeof serveCommand> = async ({ arguments: [dir], options }) => {
  const folder = dir ?? (isRun('.') || !existsSync('runs') ? '.' : 'runs')
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found?.isDirectory() !== true) {
    throw new LayerlineError(
      'input/run-missing',
      `${folder}: ${found === undefined ? 'no such folder' : 'not a folder'}`,
      {
        hint: found === undefined ? 'layerline demo records a first run' : `layerline import ${folder}`,
      },
    )
  }
  const host = options.host ?? '127.0.0.1'
  const start = (port: number) => startWebServer({ folder: resolve(folder), host, port, self: thisProgram() })
  const server =
    options.port === undefined
      ? await start(PAGE_PORT).catch((error: unknown) => {
          if (error instanceof LayerlineError && error.code === 'usage/port') return start(0)
          throw error
        })
      : await start(options.port)
  process.stdout.write(`${server.url}\n`)
  if (!options.quiet) process.stderr.write(`showing ${folder}; Ctrl-C ends it\n`)
  if (options.open) openBrowser(server.url)
  // Ctrl-C is how it ends: no interruption of anything.
  let release: () => void = () => undefined
  await new Promise<void>((done) => {
    release = interruption.take(() => done())
  })
  await server.close()
  release()
  return EXIT.done
}

function isRun(folder: string): boolean {
  return existsSync(join(folder, 'run.json'))
}
