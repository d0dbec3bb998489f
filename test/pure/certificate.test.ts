// The certificate that the model's stand-in speaks TLS with: one that this machine's clients can trust, kept from run to run.
import { afterAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certify } from '../../sim/certificate.ts'
import { certificateOf } from '../../sim/kept-certificate.ts'

const now = Date.UTC(2026, 10, 24)
const dayMs = 24 * 3_600_000
const folder = await mkdtemp(join(tmpdir(), 'certificate-'))
afterAll(() => rm(folder, { recursive: true }))

test('it is of localhost and 127.0.0.1, for as long as was asked, and signed by its authority', () => {
  const made = certify(now, now + dayMs)
  const [leaf, authority] = [new X509Certificate(made.cert), new X509Certificate(made.authority)]
  expect([leaf.checkHost('localhost'), leaf.checkIP('127.0.0.1')]).toEqual(['localhost', '127.0.0.1'])
  expect([leaf.checkHost('desk.example'), leaf.checkIP('192.0.2.1')]).toEqual([undefined, undefined])
  expect([leaf.ca, authority.ca]).toEqual([false, true])
  expect([leaf.checkIssued(authority), leaf.verify(authority.publicKey)]).toEqual([true, true])
  expect([leaf.validFromDate.getTime(), leaf.validToDate.getTime()]).toEqual([now - dayMs, now + dayMs])
})

describe('the one that is kept', () => {
  test('is the same on the next run, and another when it is about to end or cannot be read', async () => {
    const first = await certificateOf(now, folder)
    expect(await readFile(first.authorityFile, 'utf8')).toBe(first.authority)
    expect(await certificateOf(now + 300 * dayMs, folder)).toEqual(first)
    const later = await certificateOf(now + 365 * dayMs, folder)
    expect(later.cert).not.toBe(first.cert)
    await writeFile(join(folder, 'tls.json'), '{')
    const again = await certificateOf(now, folder)
    expect(again.cert).not.toBe(later.cert)
    expect(await readFile(again.authorityFile, 'utf8')).toBe(again.authority)
  })

  test('has a key that nobody else reads', async () => {
    await certificateOf(now, folder)
    expect((await stat(join(folder, 'tls.json'))).mode & 0o077).toBe(0)
  })
})
