// Twilio's identifiers, drawn from a stream of chance: the same seed gives the same identifiers.
import type { Random } from '../random.ts'

export type SidPrefix = 'CA' | 'RE' | 'MZ' | 'CF' | 'PN' | 'SM' | 'MM'

/** A seed for a server that stays after its call: Twilio gives no identifier twice, whatever is played again. */
export const unseenSeed = (seed: string): string => `${seed} ${crypto.randomUUID()}`

/** Prefix and 32 lower-case hex digits, as all of Twilio's are. */
export const createSid = (prefix: SidPrefix, random: Random): string => prefix + random.hex(32)

/** An opaque token that tells webhooks apart, the same on each attempt at one. Twilio does not document its form. */
export const createToken = (random: Random): string => [8, 4, 4, 4, 12].map((length) => random.hex(length)).join('-')
