// Keeps secrets at rest: AES-256-GCM under a ring of keys, newest first. What a secret belongs to (organization, service)
// is bound to the ciphertext, so that a row copied to another clinic does not open.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

export type SealKey = { id: string; key: Uint8Array }
export type Sealed = { keyId: string; sealed: string }

export type Seal = {
  close(plain: string, belongsTo: string[]): Sealed
  /** Throws when the key is not in the ring, or the text was changed or moved. */
  open(sealed: Sealed, belongsTo: string[]): string
  /** A secret derived from the newest key for one purpose: 32 hexadecimal digits, the same on every machine. */
  derive(purpose: string): string
}

const nonceBytes = 12
const tagBytes = 16

export function createSeal(ring: SealKey[]): Seal {
  const newest = ring[0]
  if (newest === undefined) throw new Error('Cannot seal secrets: the key ring is empty')
  return {
    close(plain, belongsTo) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', newest.key, nonce)
      cipher.setAAD(bound(newest.id, belongsTo))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return { keyId: newest.id, sealed: Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64') }
    },
    open({ keyId, sealed }, belongsTo) {
      const key = ring.find(({ id }) => id === keyId)
      if (key === undefined) throw new Error(`Cannot open secret: key ${keyId} is not in the ring`)
      const bytes = Buffer.from(sealed, 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.key, bytes.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        })
        decipher.setAAD(bound(keyId, belongsTo))
        decipher.setAuthTag(bytes.subarray(-tagBytes))
        return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new Error(`Cannot open secret: it is not as key ${keyId} closed it, or not where it belongs`, { cause })
      }
    },
    derive: (purpose) => createHmac('sha256', newest.key).update(purpose).digest('hex').slice(0, 32),
  }
}

const bound = (keyId: string, belongsTo: string[]): Buffer => Buffer.from(JSON.stringify([keyId, ...belongsTo]))
