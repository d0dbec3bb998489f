// The certificate by which the model's stand-in speaks TLS, for clients that take nothing else, and where its authority is for them to trust:
// made once a year and folder, so that what a server was told stays true.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Certificate, certify } from './certificate.ts'

const usualFolder = '.frontdesk'
const DAY_MS = 24 * 3_600_000
const LASTS_MS = 365 * DAY_MS

type Kept = Certificate & { untilMs: number }

export type KeptCertificate = Certificate & { authorityFile: string }

export async function certificateOf(nowMs: number, folder = usualFolder): Promise<KeptCertificate> {
  const [keptFile, authorityFile] = [join(folder, 'tls.json'), join(folder, 'ca.pem')]
  const kept = await readKept(keptFile)
  const isGood = kept !== null && kept.untilMs > nowMs + DAY_MS
  const certificate = isGood ? kept : { ...certify(nowMs, nowMs + LASTS_MS), untilMs: nowMs + LASTS_MS }
  await mkdir(folder, { recursive: true })
  await writeFile(keptFile, JSON.stringify(certificate), { mode: 0o600 })
  await writeFile(authorityFile, certificate.authority)
  return { ...certificate, authorityFile: resolve(authorityFile) }
}

/** Null when there is none, or none that can be read. */
async function readKept(file: string): Promise<Kept | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
