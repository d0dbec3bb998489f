// What each part of the REST API is made of: a request as its route gets it, and what many routes need of it.
import type { LiveCall } from './activity.ts'
import type { CarrierAccount } from './exchange.ts'
import type { CallbackTarget, Method } from './twiml.ts'

export type Ask = {
  method: string
  path: string
  account: CarrierAccount
  query: URLSearchParams
  form: URLSearchParams
}
export type Route = { method: string; path: RegExp; answer(ask: Ask, ...sids: string[]): Response }
export type Calls = ReadonlyMap<string, LiveCall>

export function findCall(calls: Calls, { account }: Ask, callSid = ''): LiveCall | undefined {
  const call = calls.get(callSid)
  return call?.file.record.accountSid === account.accountSid ? call : undefined
}

export const methodIn = (form: URLSearchParams, name: string): Method =>
  form.get(name)?.toUpperCase() === 'GET' ? 'GET' : 'POST'

/** The callback that `name`, `nameMethod` and `nameEvent` ask for; of events there may be several in one value, parted by spaces. */
export function callbackIn(form: URLSearchParams, name: string, fallback: string[]): CallbackTarget | null {
  const url = form.get(name)
  const events = form.getAll(`${name}Event`).flatMap((value) => value.split(/\s+/).filter((event) => event !== ''))
  if (url === null || url === '') return null
  return { url, method: methodIn(form, `${name}Method`), events: events.length > 0 ? events : fallback }
}

const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Whether something is within the times that a list is asked for: of the day `name`, until `name<` and from `name>` on, as days or
 * instants, all in UTC. What has no time yet is within none.
 */
export function isWithin(query: URLSearchParams, name: string, atMs: number | null): boolean {
  const asked = (sign: string) => {
    const ms = Date.parse(query.get(name + sign) ?? '')
    return Number.isNaN(ms) ? null : ms
  }
  const [on, until, from] = [asked(''), asked('<'), asked('>')]
  if (on === null && until === null && from === null) return true
  if (atMs === null) return false
  const dayOf = (ms: number) => Math.floor(ms / DAY_MS)
  return (
    (on === null || dayOf(on) === dayOf(atMs)) && (until === null || atMs <= until) && (from === null || atMs >= from)
  )
}

/** A whole number, or what it is when there is none. */
export function wholeIn<T>(form: URLSearchParams, name: string, fallback: T): number | T {
  const text = form.get(name) ?? ''
  return /^\d+$/.test(text) ? Number(text) : fallback
}

export const isTrue = (form: URLSearchParams, name: string, fallback = false): boolean =>
  (form.get(name) ?? String(fallback)).toLowerCase() === 'true'

/** So many seconds, in ms; null when there are none. */
export function secondsIn(form: URLSearchParams, name: string): number | null {
  const seconds = wholeIn(form, name, null)
  return seconds === null ? null : 1000 * seconds
}
