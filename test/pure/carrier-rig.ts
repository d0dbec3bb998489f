// A small server for the carrier to call, and a carrier to call it: on the virtual clock and in memory, or on the real clock
// over loopback sockets. The server checks every signature with Twilio's own library and keeps what it was asked.
import twilio from 'twilio'
import { encodeMulaw } from '../../sim/audio.ts'
import { type Carrier, createCarrier } from '../../sim/carrier/carrier.ts'
import type { CarrierNumber, CarrierSettings } from '../../sim/carrier/exchange.ts'
import { createVirtualClock, type SimClock } from '../../sim/clock.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import type { Line, LineHandlers, Network, StandIn } from '../../sim/network.ts'
import type { CallerStep, Person } from '../../sim/script.ts'
import { createTrace, type Trace } from '../../sim/trace.ts'

export const HOST = 'frontdesk.example'
export const ACCOUNT = {
  accountSid: `AC${'0'.repeat(31)}1`,
  authToken: 'a-token-of-32-hexadecimal-digits',
  apiKey: { keySid: `SK${'0'.repeat(31)}2`, secret: 'a-secret-of-the-key' },
}
export const NUMBER: CarrierNumber = {
  phoneNumber: '+15551234567',
  accountSid: ACCOUNT.accountSid,
  voiceUrl: `https://${HOST}/voice`,
  statusCallback: `https://${HOST}/status`,
}
export const FROM = '+15557654321'

export type Asked = { path: string; method: string; form: Record<string, string>; headers: Headers; atMs: number }
export type Page = string | Response | ((asked: Asked) => string | Response | Promise<string | Response>)
export type StreamFrame = Record<string, unknown> & { event: string; streamSid?: string }
export type Socket = { line: Line; frames: StreamFrame[]; closes: { code: number; atMs: number }[] }

export type TinyServer = StandIn & {
  asked: Asked[]
  of(path: string): Asked[]
  sockets: Socket[]
}

/** `pages`: what is answered at each path, TwiML where it is a text. `hear`: called with each frame of a media socket. */
export function createTinyServer(
  clock: SimClock,
  pages: Record<string, Page>,
  hear: (frame: StreamFrame, socket: Socket) => void = () => {},
): TinyServer {
  const asked: Asked[] = []
  const sockets: Socket[] = []

  async function fetch(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url)
    const body = await request.text()
    const params = manyOf(new URLSearchParams(body))
    const signature = request.headers.get('x-twilio-signature') ?? ''
    const url = `https://${HOST}${pathname}${search}`
    if (!twilio.validateRequest(ACCOUNT.authToken, signature, url, params)) return new Response(null, { status: 403 })
    const form = Object.fromEntries(request.method === 'GET' ? searchParams : new URLSearchParams(body))
    const entry = { path: pathname, method: request.method, form, headers: request.headers, atMs: clock.now() }
    asked.push(entry)
    const page = pages[pathname] ?? new Response(null, { status: 204 })
    const answer = typeof page === 'function' ? await page(entry) : page
    return answer instanceof Response ? answer.clone() : twiml(answer)
  }

  function upgrade(request: Request): { refuse: Response } | { accept(line: Line): LineHandlers } {
    const url = `wss://${HOST}${new URL(request.url).pathname}`
    const signature = request.headers.get('x-twilio-signature') ?? ''
    const isSigned = twilio.validateRequest(ACCOUNT.authToken, signature, url, {})
    if (!isSigned || !url.includes('/media')) return { refuse: new Response(null, { status: 403 }) }
    return {
      accept(line) {
        const socket: Socket = { line, frames: [], closes: [] }
        sockets.push(socket)
        return {
          message(text) {
            const frame = JSON.parse(text) as StreamFrame
            socket.frames.push(frame)
            hear(frame, socket)
          },
          close: (code) => void socket.closes.push({ code, atMs: clock.now() }),
        }
      },
    }
  }

  return { asked, sockets, of: (path) => asked.filter((each) => each.path === path), fetch, upgrade }
}

const twiml = (inside: string) =>
  new Response(`<?xml version="1.0" encoding="UTF-8"?><Response>${inside}</Response>`, {
    headers: { 'content-type': 'text/xml' },
  })

function manyOf(params: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(params.keys())]
  return Object.fromEntries(names.map((name) => [name, params.getAll(name)]))
}

export const CONNECT = `<Connect action="/after"><Stream url="wss://${HOST}/media/x"/></Connect>`

export type Rig = { clock: SimClock; carrier: Carrier; server: TinyServer; trace: Trace }

export function createRig(
  world: { clock: SimClock; network: Network },
  server: TinyServer,
  options: {
    number?: Partial<CarrierNumber>
    settings?: Partial<CarrierSettings>
    seed?: number
    people?: Person[]
    caller?: Person
  } = {},
): Rig {
  const { clock, network } = world
  const trace = createTrace(clock)
  const numbers = [{ ...NUMBER, ...options.number }]
  const { seed = 1, settings = {}, people, caller } = options
  const carrier = createCarrier({ clock, network, trace, seed, accounts: [ACCOUNT], numbers, settings, people, caller })
  return { clock, carrier, server, trace }
}

/** A rig in memory, on a virtual clock that `run` drives. */
export function createVirtualRig(
  pages: Record<string, Page>,
  options: Parameters<typeof createRig>[2] & { hear?: (frame: StreamFrame, socket: Socket) => void } = {},
) {
  const clock = createVirtualClock({ startMs: Date.UTC(2026, 10, 24, 4), stuckAfterMs: 2000 })
  const server = createTinyServer(clock, pages, options.hear)
  const network = createMemoryNetwork({ clock, servers: { [HOST]: server } })
  return { ...createRig({ clock, network }, server, options), clock }
}

/** A rig, and one call on it from the first ring to the last callback. */
export async function place(
  pages: Record<string, Page>,
  caller: CallerStep[],
  options: Parameters<typeof createVirtualRig>[1] = {},
) {
  const rig = createVirtualRig(pages, options)
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  return { ...rig, call, record: await rig.clock.run(call.done) }
}

/** Asks the carrier's REST API, as its account, in memory; a list of values repeats its key. */
export async function rest(rig: Pick<Rig, 'carrier'>, path: string, form?: Record<string, string | string[]>) {
  const pairs = Object.entries(form ?? {}).flatMap(([name, value]) => [value].flat().map((each) => [name, each]))
  const response = await rig.carrier.standIn.fetch(
    new Request(`https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT.accountSid}${path}`, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { authorization: `Basic ${btoa(`${ACCOUNT.accountSid}:${ACCOUNT.authToken}`)}` },
      body: form === undefined ? null : new URLSearchParams(pairs),
    }),
  )
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

export const hangUpAfter = (waitMs: number): CallerStep => ({ on: 'answered', waitMs, act: 'hang-up' })

/** A loud tone of so many milliseconds, as μ-law; of its two zeros only the one that encoding gives. */
export const tone = (ms: number): Uint8Array =>
  encodeMulaw(Int16Array.from({ length: ms * 8 }, (_, at) => Math.round(8000 * Math.sin(at / 3)))).map((byte) =>
    byte === 0x7f ? 0xff : byte,
  )

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The tracks of a WAV file of two channels, as μ-law. */
export function channelsOf(wav: Uint8Array): Uint8Array[] {
  const samples = new Int16Array(wav.slice(44).buffer)
  return [0, 1].map((channel) => encodeMulaw(samples.filter((_, at) => at % 2 === channel)))
}
