import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Waits until its parent is gone, then ends the process group $1: first its leader with SIGTERM, then the rest, after
 * ten seconds by SIGKILL. A plain sh knows no `kill --`.
 */
const WATCH = `cat >/dev/null
kill -TERM "$1" 2>/dev/null || kill -TERM "-$1" 2>/dev/null || exit 0
tries=0
while kill -0 "-$1" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { kill -KILL "-$1"; exit 0; }
  kill -0 "$1" 2>/dev/null || kill -TERM "-$1" 2>/dev/null
  sleep 0.1
done`

/**
 * Ends the process group that `leader` leads when this process ends, however it ends: a small process beside it notices. To
 * be released when the group is gone, or shall live on. For programs that cannot watch their parent themselves.
 */
export function watchParent(leader: number): { release(): void } {
  const watcher: ChildProcess = spawn('sh', ['-c', WATCH, 'layerline-watch', String(leader)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without sh, the engine outlives a parent that is killed; it is still listed, and stopped by its port.
  watcher.on('error', () => {})
  watcher.stdin?.on('error', () => {})
  watcher.unref()
  return {
    release() {
      watcher.kill('SIGKILL')
      watcher.stdin?.destroy()
    },
  }
}
