// A certificate for this machine, and the authority that signed it, both made here: for localhost and 127.0.0.1. Written as X.509
// says (RFC 5280), in DER, since no runtime makes one. The authority's key is forgotten: it signs nothing else.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** PEM, all of it. */
export type Certificate = { authority: string; key: string; cert: string }

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body])
}
/** As short as it goes, or it is refused. */
function lengthOf(bytes: number): number[] {
  if (bytes < 128) return [bytes]
  return bytes < 256 ? [0x81, bytes] : [0x82, bytes >> 8, bytes & 255]
}
const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts)
const oid = (...bytes: number[]) => der(0x06, Buffer.from(bytes))
const octets = (inner: Uint8Array) => der(0x04, inner)
const named = (name: string) => sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))))
const utcTime = (ms: number) => {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(0x17, Buffer.from(text.slice(2)))
}

const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const authorityName = 'The authority of the simulator'
const isAuthority = sequence(
  oid(0x55, 0x1d, 0x13),
  der(0x01, Buffer.from([0xff])),
  octets(sequence(der(0x01, Buffer.from([0xff])))),
)
const isThisMachine = sequence(
  oid(0x55, 0x1d, 0x11),
  octets(sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])))),
)

/** Good from a day before `nowMs` to `untilMs`. */
export function certify(nowMs: number, untilMs: number): Certificate {
  const [authority, leaf] = [newKey(), newKey()]
  const signed = (serial: number, name: string, key: KeyObject, extension: Uint8Array) => {
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.from([serial])),
      ecdsaWithSha256,
      named(authorityName),
      sequence(utcTime(nowMs - dayMs), utcTime(untilMs)),
      named(name),
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(extension)),
    )
    const signature = der(0x03, Buffer.from([0]), sign('sha256', body, authority))
    return pemOf(sequence(body, ecdsaWithSha256, signature))
  }
  return {
    authority: signed(1, authorityName, authority, isAuthority),
    key: leaf.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: signed(2, 'localhost', leaf, isThisMachine),
  }
}

const dayMs = 24 * 3_600_000
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const pemOf = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END CERTIFICATE-----\n`
