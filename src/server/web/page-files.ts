import { existsSync, readFileSync } from 'node:fs'
import { extname, join, normalize } from 'node:path'
import { packageFile } from '../../base/package-files.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The built page. */
export function pageFolder(): string {
  return packageFile('dist/web')
}

export interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>
  readonly type: string
  /** Its name changes with what it holds. */
  readonly lasting: boolean
}

/** A file of the page, kept in memory once it was read; null where the page has none of that name. */
export class PageFiles {
  private readonly folder: string
  private readonly known = new Map<string, PageFile>()

  constructor(folder = pageFolder()) {
    this.folder = folder
  }

  get isBuilt(): boolean {
    return existsSync(join(this.folder, 'index.html'))
  }

  get(path: string): PageFile | null {
    const name = path === '/' ? 'index.html' : normalize(path).replace(/^\/+/, '')
    const known = this.known.get(name)
    if (known !== undefined) return known
    const type = TYPES[extname(name)]
    const isPlain = /^(assets\/)?[\w.-]+$/.test(name) && !name.includes('..')
    if (type === undefined || !isPlain || !existsSync(join(this.folder, name))) return null
    const file = {
      body: new Uint8Array(readFileSync(join(this.folder, name))),
      type,
      lasting: name.startsWith('assets/'),
    }
    this.known.set(name, file)
    return file
  }
}
