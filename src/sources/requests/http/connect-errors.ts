import { errorCode, errorText } from '../../../base/errors.ts'

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset while the request was written',
  ETIMEDOUT: 'the network gave up waiting',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  EADDRNOTAVAIL: 'no local address or port is left to connect from',
  EMFILE: 'too many open files: raise `ulimit -n`',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server did not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: pass its CA, or --insecure',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate chain is self-signed: pass its CA, or --insecure',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is signed by an unknown CA: pass that CA, or --insecure',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is signed by an unknown CA: pass that CA, or --insecure',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate is signed by an unknown CA: pass that CA, or --insecure',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS: use http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS: use http://',
}

/** A system, DNS or TLS error in words, with its code. */
export function networkWords(error: unknown): string {
  const code = errorCode(error)
  if (code === undefined) return errorText(error)
  if (code === 'EPROTO' && errorText(error).includes('wrong version')) {
    return `${WORDS.ERR_SSL_WRONG_VERSION_NUMBER} (EPROTO)`
  }
  return `${WORDS[code] ?? errorText(error)} (${code})`
}
