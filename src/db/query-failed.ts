// What a failed statement looks like outside of its transaction. The drivers' own errors carry parameters and rows, which
// are patients' words and numbers; this one carries the statement's text, which has none, and what the server named.
import { DrizzleQueryError } from 'drizzle-orm/errors'

class QueryFailed extends Error {
  override readonly name = 'QueryFailed'
  constructor(
    message: string,
    /** SQLSTATE, or a connection error's code; see https://www.postgresql.org/docs/current/errcodes-appendix.html */
    readonly code: string | undefined,
    /** The constraint that was violated, where one was. */
    readonly constraint: string | undefined,
    readonly statement: string,
  ) {
    super(message)
  }
}

/** "Data exception": the class of errors whose messages quote the value that was wrong. */
const quotesValues = (code: string): boolean => code.startsWith('22')

/** Replaces a driver's error; any other is answered as it is. */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof DrizzleQueryError)) return error
  const cause = (error.cause ?? {}) as { code?: string; constraint_name?: string; message?: string }
  const { code, constraint_name: constraint } = cause
  const reason = code !== undefined && quotesValues(code) ? 'a value has the wrong form' : cause.message
  // A server that could not be reached was not asked anything, and says so in words that hold nothing else.
  const message = isConnectionLost(error) ? (reason ?? '') : `Query failed (${code ?? 'no code'}): ${reason}`
  const failed = new QueryFailed(message, code, constraint, error.query)
  failed.stack = error.stack?.replace(error.message, failed.message)
  return failed
}

/** Two rows claim what only one may have: a unique or an exclusion constraint was violated, in a transaction still open. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error)
  return code === '23505' || code === '23P01'
}

/** The server took it back, whole, because others stood in its way: deadlock_detected, serialization_failure. */
export const isRolledBack = (error: unknown): boolean => ['40P01', '40001'].includes(String(codeOf(error)))

/** The server was not there, or the connection broke: what was asked may have been done, or not. Who can tell a repeat may ask again. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error)
  return typeof code === 'string' && lostCodes.has(code)
}

const codeOf = (error: unknown): unknown =>
  ((error instanceof DrizzleQueryError ? error.cause : error) as { code?: unknown } | undefined)?.code

/** admin_shutdown, crash_shutdown, cannot_connect_now (it starts, or stops), too_many_connections; the driver's and the system's. */
const lostCodes: ReadonlySet<string> = new Set([
  ...['57P01', '57P02', '57P03', '53300'],
  ...['CONNECTION_CLOSED', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
])
