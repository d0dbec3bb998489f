// PURE. How the words of the wires are told to people: a callback's news, a REST path, the values in a JSON text.
import type { TraceEntry } from './trace.ts'

export type Body = Record<string, unknown>

const LONGEST_VALUE = 120

/** What a callback is about, in Twilio's own words; none, if it does not say. */
export function newsIn(body: Body): string[] {
  const status = body.RecordingStatus === undefined ? body.CallStatus : undefined
  // Where there is an address with it, the error is why this is asked, and not a field that is always there.
  const error = body.ErrorUrl === undefined ? undefined : `ErrorCode ${body.ErrorCode}`
  const told = [body.StreamEvent, body.RecordingStatus, body.MessageStatus, status, error]
  const news = told.filter((each) => typeof each === 'string')
  return news.length === 0 ? [] : [news.join(' ')]
}

/** Twilio's REST paths without their version and account, and long identifiers by their beginning. */
export const shortPath = (what: string): string =>
  what.replace(/\/2010-04-01\/Accounts\/AC[0-9a-f]{32}/i, '').replace(/([A-Z]{2})([0-9a-f]{4})[0-9a-f]{28}/g, '$1$2…')

export const objectOf = (value: unknown): Body => (typeof value === 'object' && value !== null ? (value as Body) : {})

/** What was done on purpose; of a forged request, how it was answered. */
export function chaosText({ what, body }: TraceEntry): string {
  const { answered } = objectOf(body)
  return answered === undefined ? what : `${what}: answered with ${String(answered)}`
}

/** `{"a":1,"b":null}` as `a: 1 · b: null`. */
export function valuesOf(json: unknown): string {
  try {
    const values = Object.entries(objectOf(JSON.parse(String(json))))
    return values
      .map(([name, value]) => `${name}: ${clipped(typeof value === 'string' ? value : JSON.stringify(value))}`)
      .join(' · ')
  } catch {
    return clipped(String(json))
  }
}

const clipped = (text: string): string => (text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`)
