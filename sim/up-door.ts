// How a terminal drives a running `sim up`: a small door on the carrier's own port, beside the REST API, for this machine alone.
// What can be asked there, and how it is asked, with the reason in words where nobody answers.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Method } from './carrier/twiml.ts'
import { linesOf } from './lines.ts'
import { Mistake } from './mistake.ts'
import { usualPorts } from './ports.ts'

export const doorPath = '/sim'
const noteFile = join('.frontdesk', 'up.json')

export type Orders = {
  /** `webhook`: where the number's calls go from now on; without it, where they went before. The other URLs may be relative to it. */
  ring: {
    to: string
    from: string
    webhook?: string
    method: Method
    publicUrl?: string
    fallback?: string
    statusCallback?: string
    fields: Record<string, string>
  }
  say: { call?: string; words: string; voice?: string }
  dtmf: { call?: string; digits: string }
  hangup: { call?: string }
  sms: {
    to: string
    from: string
    body: string
    webhook?: string
    method: Method
    publicUrl?: string
    media: string[]
    fields: Record<string, string>
  }
}

export type Answers = {
  ring: { callSid: string }
  say: { callSid: string; words: string; lastsMs: number }
  dtmf: { callSid: string; digits: string }
  hangup: { callSid: string }
  sms: {
    messageSid: string
    replies: { messageSid: string; from: string; to: string; body: string; mediaUrls: readonly string[] }[]
    problems: { code: number; text: string }[]
  }
}

export async function writeUpNote(carrier: string): Promise<() => Promise<void>> {
  await mkdir(dirname(noteFile), { recursive: true })
  await writeFile(noteFile, JSON.stringify({ carrier }), { mode: 0o600 })
  return () => rm(noteFile, { force: true })
}

/** Where the carrier is: as told, as a `sim up` of this folder wrote down, or where one usually is. */
async function carrierOf(told: string | undefined): Promise<string> {
  if (told !== undefined) return told
  const text = await readFile(noteFile, 'utf8').catch(() => null)
  return text === null ? `http://127.0.0.1:${usualPorts.carrier}` : JSON.parse(text).carrier
}

async function knock(told: string | undefined, path: string, init: RequestInit): Promise<Response> {
  const carrier = await carrierOf(told)
  const url = URL.parse(`${doorPath}/${path}`, carrier)
  if (url === null) throw new Mistake(`--carrier ${carrier} is not a URL: give the address that "sim up" printed.`)
  const response = await fetch(url, init).catch(() => null)
  if (response === null) throw new Mistake(`No carrier answers at ${url.origin}. Start one with: bun sim up`)
  if (response.ok) return response
  const { mistake } = (await response.json().catch(() => ({}))) as { mistake?: string }
  throw new Mistake(mistake ?? `${url.origin} is no carrier of "sim up": it answers ${response.status}.`)
}

/** Throws a Mistake when there is no carrier, or it cannot do what it is asked. */
export async function order<T extends keyof Orders>(
  carrier: string | undefined,
  what: T,
  given: Orders[T],
): Promise<Answers[T]> {
  const response = await knock(carrier, what, { method: 'POST', body: JSON.stringify(given) })
  return (await response.json()) as Answers[T]
}

/** What happens from now on, a JSON object a line, until the carrier is no more. */
export async function* follow(carrier: string | undefined, hasFrames: boolean): AsyncGenerator<string> {
  const response = await knock(carrier, hasFrames ? 'tail?frames' : 'tail', {})
  if (response.body !== null) yield* linesOf(response.body)
}
