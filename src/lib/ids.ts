// Where new identifiers and unguessable tokens come from. Passed in, so that a run can be repeated.

export type Ids = {
  /** A version 4 UUID. */
  uuid(): string
  /** 256 unguessable bits, base64url. */
  token(): string
}

export const randomIds: Ids = {
  uuid: () => crypto.randomUUID(),
  token: () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
}
