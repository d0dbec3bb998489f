// Structured logs, one JSON object a line. Messages are fixed sentences; ids and counts go into fields, and a field that
// could hold a person's name, number, words or a key is blanked even if somebody passes it by mistake.
import pino from 'pino'

export type Log = {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A log whose every line also carries these fields. */
  child(fields: LogFields): Log
}

export type LogFields = Record<string, string | number | boolean | null | undefined | Error>

/** What was thrown, as a field takes it. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** Field names that are safe to print; every other is replaced by `[redacted]`. */
const printable = new Set([
  'callSid',
  'conversationId',
  'organizationId',
  'sessionId',
  'streamSid',
  'itemId',
  'responseId',
  'toolCallId',
  'recordingSid',
  'deliveryId',
  'jobId',
  'task',
  'kind',
  'event',
  'code',
  'status',
  'reason',
  'path',
  'method',
  'port',
  'count',
  'bytes',
  'ms',
  'attempt',
  'limit',
  'version',
  'tool',
  'signal',
  'problem',
  'url',
  'runtime',
])

function cleanFields(fields: LogFields): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) clean.error = cleanError(value)
    else clean[name] = printable.has(name) ? withoutNumbers(value) : redacted
  }
  return clean
}

const redacted = '[redacted]'

/** A telephone number in a path, an address or a reason, plain or percent-encoded. */
const phoneNumber = /(\+|%2B)\d{7,15}/gi
const withoutNumbers = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(phoneNumber, redacted) : value

const cleanError = (error: Error): Record<string, unknown> => ({
  type: plainWord(error.name),
  code: 'code' in error ? plainWord(error.code) : undefined,
  stack: placesOnly(error),
})

const plainWord = (value: unknown): unknown =>
  typeof value === 'number' || /^[\w.-]{1,60}$/.test(String(value)) ? value : redacted

/** Where it was thrown, without the message, which may quote a row. */
function placesOnly({ stack = '', message }: Error): string {
  const afterMessage = stack.slice(Math.max(0, stack.indexOf(message)) + message.length)
  return afterMessage
    .split('\n')
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
    .slice(0, mostPlaces)
    .join('\n')
}

const mostPlaces = 8

export function createLog(options: { level: string; write?: (line: string) => void }): Log {
  const destination = options.write === undefined ? pino.destination({ dest: 2, sync: true }) : { write: options.write }
  return wrap(pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination))
}

function wrap(inner: pino.Logger): Log {
  return {
    debug: (fields, message) => inner.debug(cleanFields(fields), message),
    info: (fields, message) => inner.info(cleanFields(fields), message),
    warn: (fields, message) => inner.warn(cleanFields(fields), message),
    error: (fields, message) => inner.error(cleanFields(fields), message),
    child: (fields) => wrap(inner.child(cleanFields(fields))),
  }
}
