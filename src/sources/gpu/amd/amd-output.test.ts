import { describe, expect, it } from 'vitest'
import { AMD_FIELDS, type AmdRecord, amdValue } from './amd-fields.ts'
import { AmdCsv, recordsOfJson } from './amd-output.ts'

/** What has a value, by track, and of which GPU. */
function tracksOf(record: AmdRecord | undefined): Record<string, number> {
  if (record === undefined) return {}
  return Object.fromEntries(
    AMD_FIELDS.flatMap((field) => {
      const value = amdValue(field, record)
      // Percent become shares with a rounding.
      return Number.isNaN(value) ? [] : [[field.track, Math.round(value * 1e6) / 1e6]]
    }),
  )
}

const entry = {
  gpu: 1,
  usage: {
    gfx_activity: { value: 94, unit: '%' },
    umc_activity: { value: 61, unit: '%' },
    mm_activity: 'N/A',
    vcn_activity: [{ value: 0, unit: '%' }, 'N/A'],
  },
  power: { socket_power: { value: 612, unit: 'W' }, gfx_voltage: 'N/A', power_management: 'ENABLED' },
  clock: {
    gfx_0: { clk: { value: 2100, unit: 'MHz' }, min_clk: { value: 500, unit: 'MHz' }, deep_sleep: 'DISABLED' },
    gfx_1: { clk: { value: 132, unit: 'MHz' } },
    mem_0: { clk: { value: 1300, unit: 'MHz' } },
  },
  temperature: { edge: 'N/A', hotspot: { value: 71, unit: 'C' }, mem: { value: 60, unit: 'C' } },
  mem_usage: { total_vram: { value: 196592, unit: 'MB' }, used_vram: { value: 17153, unit: 'MB' } },
  energy: { total_energy_consumption: { value: 12345.5, unit: 'J' } },
}
const VALUES = {
  gpu_utilization_ratio: 0.94,
  memory_utilization_ratio: 0.61,
  power_draw_w: 612,
  energy_j: 12345.5,
  sm_clock_hz: 2100e6,
  memory_clock_hz: 1300e6,
  temperature_c: 71,
  memory_temperature_c: 60,
  memory_used_bytes: 17153 * 2 ** 20,
  memory_total_bytes: 196592 * 2 ** 20,
}

describe("amd-smi's JSON", () => {
  it.each([
    ['a list', [entry]],
    ['a list under gpu_data', { gpu_data: [entry] }],
  ])('as %s gives values in our units, and none for N/A', (_, json) => {
    const records = recordsOfJson(
      `WARNING: User is missing the following required groups: [render]\n${JSON.stringify(json)}`,
    )
    expect(records?.map(({ gpu }) => gpu)).toEqual([1])
    expect(tracksOf(records?.[0])).toEqual(VALUES)
  })

  it.each(['', 'no devices', '[1', '{"error": 1}', '"x"', 'null'])('is nothing where %j is printed', (text) => {
    expect(recordsOfJson(text) ?? []).toEqual([])
  })
})

describe("rocm-smi's JSON", () => {
  it('has numbers as texts, clocks in brackets and words for a second die', () => {
    const records = recordsOfJson(
      JSON.stringify({
        card0: {
          'Average Graphics Package Power (W)': '19.0',
          'GPU use (%)': '7',
          'sclk clock speed:': '(800Mhz)',
          'Temperature (Sensor edge) (C)': '49.0',
          'VRAM Total Memory (B)': '25753026560',
          'VRAM Total Used Memory (B)': 794341376,
        },
        card1: { 'Average Graphics Package Power (W)': 'N/A (Secondary die)', 'GPU use (%)': '0' },
        system: { 'Driver version': '6.8.5' },
      }),
    )
    expect(records?.map(({ gpu }) => gpu)).toEqual([0, 1])
    expect(tracksOf(records?.[0])).toEqual({
      power_draw_w: 19,
      gpu_utilization_ratio: 0.07,
      sm_clock_hz: 800e6,
      temperature_c: 49,
      memory_total_bytes: 25753026560,
      memory_used_bytes: 794341376,
    })
    expect(tracksOf(records?.[1])).toEqual({ gpu_utilization_ratio: 0 })
  })
})

describe('CSV', () => {
  function read(parts: string[]): { records: AmdRecord[]; said: string[] } {
    const records: AmdRecord[] = []
    const said: string[] = []
    const csv = new AmdCsv(
      (record) => records.push(record),
      (line) => said.push(line),
    )
    for (const part of parts) csv.push(part)
    return { records, said }
  }
  const text =
    'timestamp,gpu,gfx_activity,vcn_activity,socket_power,edge,hotspot\r\n1772939616,0,95,"[\'N/A\', \'N/A\']",350,N/A,44\r\nAMDSMI error\r\n1772939616,1,88,"[0, 0]",N/A,36,68\r\n'

  it('of amd-smi is known by its header, with lists in quotes, however it is cut', () => {
    const { records, said } = read(Array.from(text))
    expect(records.map((record) => [record.gpu, tracksOf(record)])).toEqual([
      [0, { gpu_utilization_ratio: 0.95, power_draw_w: 350, temperature_c: 44 }],
      [1, { gpu_utilization_ratio: 0.88, temperature_c: 36 }],
    ])
    expect(said).toEqual(['AMDSMI error'])
    expect(read([text]).records).toEqual(records)
  })

  it("of rocm-smi has sentences for names, and `card` before a GPU's number", () => {
    const { records } = read([
      'device,Temperature (Sensor edge) (C),Average Graphics Package Power (W),GPU use (%),VRAM Total Memory (B),VRAM Total Used Memory (B)\ncard1,49.0,19.0,0,25753026560,794341376\n',
    ])
    expect(records.map(({ gpu }) => gpu)).toEqual([1])
    expect(tracksOf(records[0])).toEqual({
      temperature_c: 49,
      power_draw_w: 19,
      gpu_utilization_ratio: 0,
      memory_total_bytes: 25753026560,
      memory_used_bytes: 794341376,
    })
  })

  it('without a header, or with a row of another length, is none', () => {
    expect(read(['0,95,1\n']).records).toEqual([])
    expect(read(['gpu,gfx_activity\n0,95,1\n']).said).toEqual(['0,95,1'])
  })
})
