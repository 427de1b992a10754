import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  /** Paths of PEM files; the certificate is its own CA. */
  readonly cert: string
  readonly key: string
  remove(): void
}

/** A certificate for localhost, 127.0.0.1 and ::1, made with openssl; null where that is not installed. */
export function selfSigned(): Certificate | null {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-cert-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1']
  try {
    execFileSync('openssl', [...args, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    return { cert, key, remove }
  } catch {
    remove()
    return null
  }
}
