// PURE. Connection overrides: how long a request may take and when it is tried again, as the fragment of its URL says.
// Source: twilio.com/docs/usage/webhooks/webhooks-connection-overrides. A value out of its range counts as not given [mem].
// The time to connect (ct) is not told apart from the time to answer here; sni and edge locations make no difference.

/** Why an attempt failed: refused by the server, in its trouble, not connected, or not answered in time. */
export type Failure = '4xx' | '5xx' | 'ct' | 'rt'

export type Overrides = {
  /** All attempts. */
  totalMs: number
  /** One attempt, until it is answered. */
  readMs: number
  retries: number
  retriesOn: ReadonlySet<Failure>
}

/** Of any request about a call, whatever is asked for. */
const LIMIT_MS = 15_000
const LEAST_MS = 100
const RETRIES_MAX = 5
const USUAL_RETRIES = 1
const failures: readonly Failure[] = ['4xx', '5xx', 'ct', 'rt']

export function overridesIn(url: string): Overrides {
  const at = url.indexOf('#')
  const given = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  const whole = (name: string, least: number, most: number, usual: number): number => {
    const text = given.get(name) ?? ''
    const value = Number(text)
    return /^\d+$/.test(text) && value >= least && value <= most ? value : usual
  }
  const listed = (given.get('rp') ?? 'ct').split(',').map((each) => each.trim())
  return {
    totalMs: whole('tt', LEAST_MS, LIMIT_MS, LIMIT_MS),
    readMs: whole('rt', LEAST_MS, LIMIT_MS, LIMIT_MS),
    retries: whole('rc', 0, RETRIES_MAX, USUAL_RETRIES),
    retriesOn: new Set(failures.filter((each) => listed.includes('all') || listed.includes(each))),
  }
}
