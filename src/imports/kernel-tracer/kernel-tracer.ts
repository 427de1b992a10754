import { existsSync } from 'node:fs'
import type { FolderReader } from '../import-format.ts'
import { importTracerFolders } from './import-folders.ts'
import { tracerPlaces } from './tracer-folder.ts'

/** What KernelTracer and `layerline kernels run` write: a tracer's folder, all of them, or one of their files. */
export const kernelTracer: FolderReader = {
  find: async ({ given, root }) => (existsSync(given) ? tracerPlaces(root) : []),
  read: (places, run, options, { root }) => importTracerFolders(root, places, run, options),
}
