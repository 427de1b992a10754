/** Writes OTLP as an exporter does: a protobuf message from its fields. */
export type WireField = readonly [number: number, value: Buffer | bigint | { fixed64: bigint } | { double: number }]

export function message(...fields: WireField[]): Buffer {
  return Buffer.concat(fields.map(([number, value]) => encode(number, value)))
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  do {
    const more = rest > 0x7fn
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}

function encode(number: number, value: WireField[1]): Buffer {
  const key = (wire: number) => varint(BigInt(number) * 8n + BigInt(wire))
  if (typeof value === 'bigint') return Buffer.concat([key(0), varint(value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([key(2), varint(BigInt(value.length)), value])
  const fixed = Buffer.alloc(8)
  if ('fixed64' in value) fixed.writeBigUInt64LE(value.fixed64)
  else fixed.writeDoubleLE(value.double)
  return Buffer.concat([key(1), fixed])
}

export interface SentSpan {
  name: string
  startNs: bigint
  endNs: bigint
  /** 32 hex digits. */
  traceId?: string
  attributes: Record<string, string | number | bigint>
}

/** An ExportTraceServiceRequest of these spans, with the fields beside them that exporters send and we do not read. */
export function traceRequest(spans: readonly SentSpan[]): Buffer {
  const text = (value: string) => Buffer.from(value)
  const attribute = (key: string, value: string | number | bigint) => {
    const any =
      typeof value === 'string'
        ? message([1, text(value)])
        : typeof value === 'bigint'
          ? message([3, value])
          : message([4, { double: value }])
    return message([1, text(key)], [2, any])
  }
  const resource = message([1, attribute('service.name', 'vllm')])
  const encoded = spans.map(({ name, startNs, endNs, attributes, traceId = '07'.repeat(16) }) =>
    message(
      [1, Buffer.from(traceId, 'hex')],
      [2, Buffer.alloc(8, 9)],
      [3, text('state=1')],
      [5, text(name)],
      [6, 2n],
      [7, { fixed64: startNs }],
      [8, { fixed64: endNs }],
      ...Object.entries(attributes).map(([key, value]) => [9, attribute(key, value)] as const),
      [9, message([1, text('list')], [2, message([5, message([1, message([3, 1n])])])])],
      [15, message([3, 1n])],
    ),
  )
  const scope = message([1, message([1, text('vllm.llm_engine')])], ...encoded.map((span) => [2, span] as const))
  return message([1, message([1, resource], [2, scope], [3, text('https://schema')])])
}
