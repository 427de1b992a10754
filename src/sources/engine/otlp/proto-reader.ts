/** A body that is not a protobuf message of the expected shape. */
export class ProtoError extends Error {}

const MOST_VARINT_BYTES = 10

/** A field of a message: its number, and its value as it is encoded. */
export type ProtoField =
  | { readonly number: number; readonly wire: 'varint' | 'fixed64'; readonly value: bigint }
  | { readonly number: number; readonly wire: 'fixed32'; readonly value: number }
  | { readonly number: number; readonly wire: 'bytes'; readonly value: Buffer }

/** The fields of a protobuf message, in order. Nothing is copied; throws ProtoError at what is cut off or malformed. */
export function* protoFields(message: Buffer): Generator<ProtoField> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let i = 0; i < MOST_VARINT_BYTES; i++) {
      const byte = message[at++]
      if (byte === undefined) throw new ProtoError('a number is cut off')
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new ProtoError('a number is longer than 64 bits')
  }
  const take = (bytes: number): Buffer => {
    if (bytes > message.length - at) throw new ProtoError('a field is longer than its message')
    at += bytes
    return message.subarray(at - bytes, at)
  }
  while (at < message.length) {
    const key = varint()
    const number = Number(key >> 3n)
    if (number === 0 || number > 0x1fffffff) throw new ProtoError(`no field has the number ${number}`)
    const type = Number(key & 7n)
    if (type === 0) yield { number, wire: 'varint', value: varint() }
    else if (type === 1) yield { number, wire: 'fixed64', value: take(8).readBigUInt64LE() }
    else if (type === 2) yield { number, wire: 'bytes', value: take(Number(varint())) }
    else if (type === 5) yield { number, wire: 'fixed32', value: take(4).readUInt32LE() }
    else throw new ProtoError(`no field has the wire type ${type}`)
  }
}

/** A field's value, if it has the expected type; else ProtoError. */
export function bytesOf(field: ProtoField): Buffer {
  if (field.wire === 'bytes') return field.value
  throw new ProtoError(`field ${field.number}: expected bytes, got ${field.wire}`)
}

export function numberOfField(field: ProtoField): bigint {
  if (field.wire === 'varint' || field.wire === 'fixed64') return field.value
  throw new ProtoError(`field ${field.number}: expected a number, got ${field.wire}`)
}

export function doubleOf(field: ProtoField): number {
  const bits = Buffer.alloc(8)
  bits.writeBigUInt64LE(numberOfField(field))
  return bits.readDoubleLE()
}
