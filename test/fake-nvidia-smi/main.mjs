// A stand-in for nvidia-smi with a known truth: see README.md. It is a fake; no GPU is asked.
import { existsSync } from 'node:fs'
import { energyJ, POWER_WINDOW_S, powerW, sensorTime, utilization } from './physics.mjs'

const env = process.env
const old = env.FAKE_SMI_DRIVER === 'old'
const offsetMs = Number(env.FAKE_SMI_CLOCK_OFFSET_S ?? 7200) * 1000
const mig = env.FAKE_SMI_MIG === '1'
const exitStatus = Number(env.FAKE_SMI_EXIT ?? 0)
const warning = env.FAKE_SMI_WARNING
/** The last GPU is off the bus while this file is there. */
const isLost = () => env.FAKE_SMI_LOST_FILE !== undefined && existsSync(env.FAKE_SMI_LOST_FILE)
const crashAfter = Number(env.FAKE_SMI_CRASH_AFTER ?? Number.POSITIVE_INFINITY)
const GPUS = Array.from({ length: Number(env.FAKE_SMI_GPUS ?? 2) }, (_, index) => ({
  index,
  uuid: `GPU-fa4e0000-0000-4000-8000-00000000000${index}`,
  bus: `00000000:0${index + 1}:00.0`,
}))
const NAME = env.FAKE_SMI_NAME ?? 'NVIDIA Fake A10'

/** Spellings of a field, and its value for a GPU when the sensor looked; those a driver of the time lacks are marked. */
const FIELDS = [
  [['timestamp'], (_, __, nowMs) => stamp(nowMs)],
  [['driver_version'], () => (old ? '470.223.02' : '570.133.20')],
  [['count'], () => String(GPUS.length)],
  [['name', 'gpu_name'], () => NAME],
  [['pci.bus_id', 'gpu_bus_id'], (gpu) => gpu.bus],
  [['uuid', 'gpu_uuid'], (gpu) => gpu.uuid],
  [['index'], (gpu) => String(gpu.index)],
  [['pstate'], () => 'P0'],
  [['mig.mode.current'], () => (mig ? 'Enabled' : 'Disabled')],
  [
    old ? ['clocks_throttle_reasons.active'] : ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'],
    () => '0x0000000000000001',
  ],
  [['memory.total'], () => '24564'],
  [['memory.used'], (gpu) => String(18000 + gpu.index)],
  [['memory.free'], (gpu) => String(6564 - gpu.index)],
  [['utilization.gpu'], (_, s) => (mig ? '[N/A]' : (100 * utilization(s)).toFixed(0))],
  [['utilization.memory'], (_, s) => (mig ? '[N/A]' : (50 * utilization(s)).toFixed(0))],
  [['temperature.gpu'], (gpu) => String(45 + gpu.index)],
  [['temperature.memory'], () => (old ? '[Not Supported]' : 'N/A')],
  [['power.draw'], (gpu, s) => watts(old ? powerW(gpu.index, s) : meanPower(gpu.index, s))],
  ...(old
    ? []
    : [
        [['power.draw.average'], (gpu, s) => watts(meanPower(gpu.index, s))],
        [['power.draw.instant'], (gpu, s) => (gpu.index === 1 ? '[N/A]' : watts(powerW(gpu.index, s)))],
      ]),
  [['enforced.power.limit'], (gpu) => (gpu.index === 1 ? '[Unknown Error]' : '350.00')],
  [['clocks.current.sm', 'clocks.sm'], () => '1695'],
  [['clocks.current.memory', 'clocks.mem'], () => '6251'],
]
const BY_NAME = new Map(FIELDS.flatMap(([names, value]) => names.map((name) => [name, value])))

function watts(value) {
  return value.toFixed(2)
}

function meanPower(index, s) {
  return energyJ(index, s - POWER_WINDOW_S, s) / POWER_WINDOW_S
}

/** Local time without a zone, `FAKE_SMI_CLOCK_OFFSET_S` ahead of UTC. */
function stamp(unixMs) {
  const iso = new Date(Math.floor(unixMs) + offsetMs).toISOString()
  return iso.slice(0, 23).replaceAll('-', '/').replace('T', ' ')
}

function end(code, text) {
  if (text !== undefined) process.stdout.write(`${text}\n`)
  process.exitCode = code
}

/** A complete answer, with what the driver warns of and the status that says so. */
function done(text) {
  end(exitStatus, [text, warning].filter((part) => part !== undefined && part !== '').join('\n'))
}

function lostAmong(gpus) {
  return isLost() ? gpus.find(({ index }) => index === GPUS.length - 1) : undefined
}

function endLost({ bus }) {
  return end(
    15,
    `Unable to determine the device handle for GPU${bus}: GPU is lost.  Reboot the system to recover this GPU`,
  )
}

function selected(list) {
  if (list === undefined) return GPUS
  const wanted = list.split(',').map((each) => each.trim())
  return GPUS.filter(({ index, uuid, bus }) => wanted.some((each) => [String(index), uuid, bus].includes(each)))
}

function help() {
  const parts = FIELDS.map(([names]) => `${names.map((name) => `"${name}"`).join(' or ')}\nA field of the fake.\n`)
  return `List of valid properties to query for the switch "--query-gpu=":\n\n${parts.join('\n')}`
}

function list(gpus) {
  return gpus
    .map(({ index, uuid }) => {
      const head = `GPU ${index}: ${NAME} (UUID: ${uuid})`
      return mig ? `${head}\n  MIG 1g.6gb      Device  0: (UUID: MIG-${uuid.slice(4)})` : head
    })
    .join('\n')
}

function query(names, gpus, format, loopMs) {
  const unknown = names.find((name) => !BY_NAME.has(name))
  if (unknown !== undefined) return end(2, `Field "${unknown}" is not a valid field to query.\n`)
  if (!format.includes('noheader')) process.stdout.write(`${names.join(', ')}\n`)
  let rounds = 0
  const started = performance.timeOrigin + performance.now()
  const round = () => {
    const lost = lostAmong(gpus)
    if (lost !== undefined) return endLost(lost)
    if (rounds++ >= crashAfter)
      return end(255, 'Unable to determine the device handle for GPU0000:01:00.0: Unknown Error')
    const nowMs = performance.timeOrigin + performance.now()
    const s = sensorTime(nowMs / 1000)
    const lines = gpus.map((gpu) => names.map((name) => BY_NAME.get(name)(gpu, s, nowMs)).join(', '))
    if (loopMs === null) return done(lines.join('\n'))
    process.stdout.write(`${lines.join('\n')}\n`)
    const after = performance.timeOrigin + performance.now()
    setTimeout(round, Math.max(1, started + rounds * loopMs - after))
  }
  round()
}

const FAILURES = {
  driver: [
    9,
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
  ],
  mismatch: [18, 'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.133'],
  'no-devices': [6, 'No devices were found'],
}

function main(args) {
  const failure = FAILURES[env.FAKE_SMI_FAIL]
  if (failure !== undefined) return end(...failure)
  const value = (...names) => {
    for (const [at, arg] of args.entries()) {
      for (const name of names) {
        if (arg === name) return args[at + 1]
        if (arg.startsWith(`${name}=`)) return arg.slice(name.length + 1)
      }
    }
    return undefined
  }
  if (args.includes('--help-query-gpu')) return done(help())
  const gpus = selected(value('-i', '--id'))
  if (gpus.length === 0) return end(6, 'No devices were found')
  if (args.includes('-L') || args.includes('--list-gpus')) return done(list(gpus))
  const names = value('--query-gpu')
  if (names === undefined)
    return end(1, "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n")
  const loop =
    value('-lms', '--loop-ms') ?? (value('-l', '--loop') === undefined ? null : Number(value('-l', '--loop')) * 1000)
  const format = value('--format') ?? ''
  if (!format.includes('csv'))
    return end(1, "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n")
  return query(
    names.split(',').map((name) => name.trim()),
    gpus,
    format,
    loop === null ? null : Number(loop),
  )
}

process.stdout.on('error', () => process.exit(141))
main(process.argv.slice(2))
