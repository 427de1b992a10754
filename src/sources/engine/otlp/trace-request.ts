import { bytesOf, doubleOf, numberOfField, type ProtoField, protoFields } from './proto-reader.ts'

/** A span as OTLP carries it, with the attributes that are numbers or texts. Times are Unix ns. */
export interface OtlpSpan {
  readonly traceId: string
  readonly name: string
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: ReadonlyMap<string, string | number>
}

/** Attributes of one span beyond this are ignored: nothing reads them. */
const MOST_ATTRIBUTES = 128
const MOST_SPANS = 100_000

/**
 * The spans of an `ExportTraceServiceRequest` (opentelemetry/proto/collector/trace/v1). Throws ProtoError where it is none;
 * fields that are not known are skipped.
 */
export function readTraceRequest(body: Buffer): OtlpSpan[] {
  const spans: OtlpSpan[] = []
  for (const resource of fieldsNumbered(body, 1)) {
    for (const scope of fieldsNumbered(bytesOf(resource), 2)) {
      for (const span of fieldsNumbered(bytesOf(scope), 2)) {
        const read = readSpan(bytesOf(span))
        if (spans.length < MOST_SPANS) spans.push(read)
      }
    }
  }
  return spans
}

function* fieldsNumbered(message: Buffer, number: number): Generator<ProtoField> {
  for (const field of protoFields(message)) if (field.number === number) yield field
}

function readSpan(message: Buffer): OtlpSpan {
  const attributes = new Map<string, string | number>()
  let [traceId, name, startNs, endNs] = ['', '', 0n, 0n]
  for (const field of protoFields(message)) {
    if (field.number === 1) traceId = bytesOf(field).toString('hex')
    else if (field.number === 5) name = bytesOf(field).toString('utf8')
    else if (field.number === 7) startNs = numberOfField(field)
    else if (field.number === 8) endNs = numberOfField(field)
    else if (field.number === 9 && attributes.size < MOST_ATTRIBUTES) readAttribute(bytesOf(field), attributes)
  }
  return { traceId, name, startNs, endNs, attributes }
}

function readAttribute(message: Buffer, into: Map<string, string | number>): void {
  let key = ''
  let value: string | number | null = null
  for (const field of protoFields(message)) {
    if (field.number === 1) key = bytesOf(field).toString('utf8')
    else if (field.number === 2) value = readValue(bytesOf(field))
  }
  if (value !== null) into.set(key, value)
}

/** Only texts and numbers are read, not lists and maps. */
function readValue(message: Buffer): string | number | null {
  let value: string | number | null = null
  for (const field of protoFields(message)) {
    if (field.number === 1) value = bytesOf(field).toString('utf8')
    else if (field.number === 3) value = Number(BigInt.asIntN(64, numberOfField(field)))
    else if (field.number === 4) value = doubleOf(field)
  }
  return value
}
