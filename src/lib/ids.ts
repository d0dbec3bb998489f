// Where new identifiers and unguessable tokens come from. Passed in, so that a run can be repeated.

export type Ids = {
  /** A version 4 UUID. */
  uuid(): string
  /** 256 unguessable bits, base64url. */
  token(): string
}

/** A number from 0 to 1 that a version 4 UUID draws, the same each time; those of many are evenly spread. */
export const spreadOf = (uuid: string): number => Number.parseInt(uuid.slice(0, 8), 16) / 0xffff_ffff

export const randomIds: Ids = {
  uuid: () => crypto.randomUUID(),
  token: () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
}
