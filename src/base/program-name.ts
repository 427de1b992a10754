/** How this program was called, for commands that a person may copy. */
export function programName(): string {
  return process.env.LAYERLINE_ARGV0 ?? 'layerline'
}
