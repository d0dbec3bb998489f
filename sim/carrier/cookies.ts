// The cookies that servers set, by their hosts, as Twilio keeps them like a browser: those of a call for the call, those of messages
// for what two numbers write to each other. Their age counts, and no other attribute. Source: twilio.com/docs/voice/twiml.
import type { SimClock } from '../clock.ts'

export type Jar = {
  /** What goes out with a request; nothing when there is none. */
  header(url: string): { cookie?: string }
  keep(url: string, headers: Headers): void
}

export function createJar(clock: SimClock): Jar {
  const kept = new Map<string, Map<string, { value: string; untilMs: number }>>()
  return {
    header(url) {
      const own = [...(kept.get(new URL(url).host) ?? [])].filter(([, { untilMs }]) => untilMs > clock.now())
      return own.length === 0 ? {} : { cookie: own.map(([name, { value }]) => `${name}=${value}`).join('; ') }
    },
    keep(url, headers) {
      const { host } = new URL(url)
      const own = kept.get(host) ?? new Map()
      kept.set(host, own)
      for (const text of headers.getSetCookie()) {
        const [, name, value] = /^\s*([^=;\s]+)=([^;]*)/.exec(text) ?? []
        if (name !== undefined) own.set(name, { value: value?.trim() ?? '', untilMs: endOf(text, clock.now()) })
      }
    },
  }
}

function endOf(text: string, nowMs: number): number {
  const [, seconds] = /;\s*max-age=(-?\d+)/i.exec(text) ?? []
  if (seconds !== undefined) return nowMs + 1_000 * Number(seconds)
  const [, date] = /;\s*expires=([^;]+)/i.exec(text) ?? []
  const untilMs = Date.parse(date ?? '')
  return Number.isNaN(untilMs) ? Number.POSITIVE_INFINITY : untilMs
}
