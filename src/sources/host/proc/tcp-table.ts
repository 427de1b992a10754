export interface TcpSocket {
  localAddress: string
  localPort: number
  remotePort: number
  listening: boolean
  /** Bytes received and not yet read by the program; for a listening socket, connections not yet accepted. */
  rxQueue: number
  inode: string
}

/** /proc/net/tcp or tcp6 of a little-endian machine. Addresses as `127.0.0.1` or eight groups of four hex digits. */
export function parseTcpTable(text: string): TcpSocket[] {
  const sockets: TcpSocket[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [localAddress, localPort] = (fields[1] ?? '').split(':')
    const remotePort = (fields[2] ?? '').split(':')[1]
    const rxQueue = (fields[4] ?? '').split(':')[1]
    if (localAddress === undefined || localPort === undefined || remotePort === undefined || rxQueue === undefined)
      continue
    sockets.push({
      localAddress: parseAddress(localAddress),
      localPort: Number.parseInt(localPort, 16),
      remotePort: Number.parseInt(remotePort, 16),
      listening: fields[3] === '0A',
      rxQueue: Number.parseInt(rxQueue, 16),
      inode: fields[9] ?? '',
    })
  }
  return sockets
}

/** Each 32-bit word is printed as a number of the machine, so its bytes come back to front. */
function parseAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32()
  if (bytes.length === 4) return bytes.join('.')
  return canonicalAddress((bytes.toString('hex').match(/.{4}/g) ?? []).join(':'))
}

/** One spelling for each address: IPv4 inside IPv6 as IPv4, IPv6 written out, no zone. */
export function canonicalAddress(address: string): string {
  const plain = address.replace(/%.*$/, '').toLowerCase()
  if (!plain.includes(':')) return plain
  const [head = '', tail] = expandIpv4(plain).split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  const groups = [...front, ...middle, ...back].map((group) => group.padStart(4, '0'))
  if (groups.slice(0, 5).every((group) => group === '0000') && groups[5] === 'ffff') {
    return Buffer.from(groups.slice(6).join(''), 'hex').join('.')
  }
  return groups.join(':')
}

/** `::ffff:127.0.0.1` to `::ffff:7f00:1`. */
function expandIpv4(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((word) => word.toString(16)).join(':'),
  )
}
