// The fake of README.md: `main.mjs amd-smi ARGS…` or `main.mjs rocm-smi ARGS…`.
const [tool, ...args] = process.argv.slice(2)
const env = process.env
const gpus = Array.from({ length: Number(env.FAKE_AMD_GPUS ?? 2) }, (_, i) => i)
const print = (value) => process.stdout.write(`${JSON.stringify(value, null, 4)}\n`)
const listed = (entries) => print(env.FAKE_AMD_BARE === '1' ? entries : { gpu_data: entries })

if (tool === 'amd-smi' && env.FAKE_AMD_ABSENT === '1') process.exit(127)
if (env.FAKE_AMD_FAIL === 'driver') {
  process.stderr.write('AMDSMI_STATUS_DRIVER_NOT_LOADED: Driver not loaded\n')
  process.exit(255)
}

/** GPU i draws 300 + 10 i W; power steps up by 1 W with each round. */
const power = (gpu, round) => 300 + 10 * gpu + round

if (tool === 'rocm-smi') {
  const cards = gpus.map((gpu) => [
    `card${gpu}`,
    args.includes('--showproductname')
      ? { 'Card Series': 'Fake Instinct', 'Unique ID': `0xfake${gpu}`, GUID: String(gpu) }
      : {
          'Temperature (Sensor edge) (C)': 'N/A',
          'Temperature (Sensor junction) (C)': '41.0',
          'sclk clock speed:': '(1700Mhz)',
          'sclk clock level:': '1',
          'Current Socket Graphics Package Power (W)': gpu === 1 ? 'N/A (Secondary die)' : '237.5',
          'GPU use (%)': '19',
          'VRAM Total Memory (B)': '68702699520',
          'VRAM Total Used Memory (B)': '794341376',
        },
  ])
  print(Object.fromEntries(cards))
} else if (args[0] === 'list') {
  listed(gpus.map((gpu) => ({ gpu, bdf: `0000:0${gpu}:00.0`, uuid: `fake-uuid-${gpu}`, kfd_id: 100 + gpu })))
} else if (args[0] === 'static') {
  listed(
    gpus.map((gpu) => ({
      gpu,
      asic: { market_name: 'Fake Instinct', vendor_id: '0x1002', asic_serial: `0xfake${gpu}` },
      driver: { name: 'amdgpu', version: '6.16.6' },
    })),
  )
} else {
  const columns =
    'timestamp,gpu,gfx_activity,umc_activity,mm_activity,vcn_activity,socket_power,gfx_voltage,gfx_0_clk,gfx_0_min_clk,mem_0_clk,edge,hotspot,mem,total_energy_consumption,total_vram,used_vram,free_vram'
  const periodMs = Number(env.FAKE_AMD_ROUND_MS ?? 1000 * Number(args[args.indexOf('--watch') + 1]))
  process.stdout.write(`${columns}\r\n`)
  let round = 0
  const rows = () => {
    if (round === Number(env.FAKE_AMD_CRASH_AFTER ?? -1)) {
      process.stderr.write('amdsmi_interface: device lost\n')
      process.exit(1)
    }
    for (const gpu of gpus) {
      const lists = `"['N/A', 'N/A']"`
      const unix = Math.floor(Date.now() / 1000)
      process.stdout.write(
        `${unix},${gpu},94,61,N/A,${lists},${power(gpu, round)},N/A,2100,500,1300,N/A,71,60,${(1000 * gpu + round) / 2},196592,17153,179439\r\n`,
      )
    }
    round++
  }
  rows()
  setInterval(rows, periodMs)
}
