/** The program and first arguments that run this same `layerline`; null where it was not started from a file. */
export function thisProgram(): readonly string[] | null {
  const [node, file] = process.argv
  return node === undefined || file === undefined ? null : [node, ...process.execArgv, '--', file]
}
