import { LayerlineError } from '../../../base/errors.ts'

interface SmiFailure {
  pattern: RegExp
  code: `${'missing' | 'input' | 'unreachable'}/${string}`
  sentence: string
  hint: string
}

/** nvidia-smi's messages when it cannot sample, in Layerline's words. */
const FAILURES: readonly SmiFailure[] = [
  {
    pattern: /couldn't communicate with the NVIDIA driver/i,
    code: 'missing/gpu-driver',
    sentence: 'nvidia-smi is there, but no NVIDIA driver is running',
    hint: 'load the driver (`modprobe nvidia`, or a reboot after an update); in a container, start it with the GPUs',
  },
  {
    pattern: /Driver\/library version mismatch/i,
    code: 'missing/gpu-driver',
    sentence: 'the running NVIDIA driver and its library are of two versions',
    hint: 'reboot, or reload the nvidia modules: the driver was updated while it ran',
  },
  {
    pattern: /Insufficient Permissions/i,
    code: 'missing/gpu-rights',
    sentence: 'this user may not ask the NVIDIA driver',
    hint: 'ask for access to /dev/nvidia*, usually through the group `video`',
  },
  {
    pattern: /Failed to initialize NVML/i,
    code: 'missing/gpu-driver',
    sentence: 'the NVIDIA library cannot reach its driver',
    hint: 'see whether `nvidia-smi` works there by itself; in a container, the GPUs may have been taken away: restart it',
  },
  {
    pattern: /GPU is lost|GPU requires reset|Unable to determine the device handle/i,
    code: 'missing/gpu-lost',
    sentence: 'a GPU has dropped off the bus or is being reset',
    hint: 'see `dmesg` for its Xid; the host may need a reboot',
  },
  {
    pattern: /No devices were found|is not a valid index|Failed to (find|get) (GPU|device)/i,
    code: 'missing/gpu-device',
    sentence: 'nvidia-smi finds no such GPU',
    hint: '`nvidia-smi -L` lists the GPUs there; --gpu-list takes their indices or UUIDs',
  },
  {
    pattern: /is not a valid field to query/i,
    code: 'missing/gpu-field',
    sentence: 'this driver does not know a field that its own help names',
    hint: 'report it with the output of `nvidia-smi --help-query-gpu`',
  },
]

/** The error for a message of nvidia-smi; `where` names its host. */
export function smiError(text: string, where: string): LayerlineError {
  const failure = FAILURES.find(({ pattern }) => pattern.test(text))
  const said = text.trim().split('\n').at(0) ?? ''
  if (failure === undefined) {
    return new LayerlineError('missing/gpu', `${where}: nvidia-smi ended${said === '' ? '' : `: ${said}`}`, {
      hint: 'see whether `nvidia-smi` works there by itself',
    })
  }
  return new LayerlineError(failure.code, `${where}: ${failure.sentence} (${said})`, { hint: failure.hint })
}
