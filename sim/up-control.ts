// The inside of the door of `sim up`: places calls, has their callers speak, press and hang up, writes messages, and lets whoever
// asks follow what happens. Owns which hosts lead where; refuses with a reason in words, and whatever comes from a web page.
import { z } from 'zod'
import { BYTES_PER_MS } from './audio.ts'
import type { Carrier, PlacedCall } from './carrier/carrier.ts'
import { callerPattern } from './carrier/numbers.ts'
import { refuseWhatIsFar } from './elsewhere.ts'
import { Mistake } from './mistake.ts'
import type { Model } from './model/model.ts'
import type { StandIn } from './network.ts'
import type { Speech } from './speech.ts'
import type { Trace, TraceEntry } from './trace.ts'
import { type Answers, doorPath, type Orders } from './up-door.ts'

/** What is kept of calls is kept until the end: beyond these, somebody should begin anew. */
const CALLS_MAX = 500
/** Of what a follower has not read yet; then it is let go. */
const FOLLOWER_MAX_LINES = 10_000
const encoder = new TextEncoder()

const number = z.string().regex(/^(whatsapp:)?\+[1-9]\d{6,14}$/, 'A phone number begins with + and its country code.')
const url = z.url({ protocol: /^https?$/, error: 'It must be a URL such as http://localhost:3000/voice' })
const words = z.string().trim().min(1, 'There is nothing to say.').max(2000, 'At most 2000 characters at a time.')
const call = z.string().optional()
const fields = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'A field is a word.'), z.string().max(1600))
const method = z.enum(['GET', 'POST']).default('POST')
const shapes: { [T in keyof Orders]: z.ZodType<Orders[T]> } = {
  ring: z.object({
    to: number,
    from: z.string().regex(callerPattern, 'Nobody calls from there.'),
    webhook: url.optional(),
    method,
    publicUrl: url.optional(),
    fallback: z.string().optional(),
    statusCallback: z.string().optional(),
    fields,
  }),
  say: z.object({ call, words, voice: z.string().optional() }),
  dtmf: z.object({ call, digits: z.string().regex(/^[0-9*#]{1,32}$/, 'Keys are 0 to 9, * and #, 32 at the most.') }),
  hangup: z.object({ call }),
  sms: z.object({
    to: number,
    from: number,
    body: z.string().max(1600, 'At most 1600 characters.'),
    webhook: url.optional(),
    method,
    publicUrl: url.optional(),
    media: z.array(url).max(10, 'Ten media at the most.'),
    fields,
  }),
}

export type Parts = {
  carrier: Carrier
  model: Model
  /** The model's script begins anew. */
  rewind(): Promise<void>
  speech: Speech
  trace: Trace
  accountSid: string
  /** Public host → where it is on this machine; added to. */
  hosts: Record<string, string>
  /** Whether a server may be on another machine. */
  allowRemote: boolean
  /** Called with each call that is placed here. */
  onCall(callSid: string): void
}

export function createControl(parts: Parts): StandIn {
  const { carrier, model, speech, hosts } = parts
  const followers = createFollowers(parts.trace)
  let placed = 0

  /** What the server calls itself, and that the way there is known. */
  function known(webhook: string, publicUrl: string | undefined): string {
    const here = new URL(webhook)
    refuseWhatIsFar(here, parts.allowRemote)
    const there = new URL(publicUrl ?? webhook)
    hosts[there.host] = here.origin
    return new URL(here.pathname + here.search + here.hash, there).href
  }

  function callOf(callSid: string | undefined): PlacedCall {
    const live = carrier.live()
    const [first, ...others] = callSid === undefined ? live : live.filter((each) => each.callSid === callSid)
    if (first === undefined)
      throw new Mistake(
        callSid === undefined ? 'No call is up. Place one with: bun sim ring' : `No call ${callSid} is up.`,
      )
    if (others.length === 0) return first
    throw new Mistake(
      `Several calls are up; say which with --call:\n  ${live.map((each) => each.callSid).join('\n  ')}`,
    )
  }

  const duties: { [T in keyof Orders]: (given: Orders[T]) => Promise<Answers[T]> } = {
    async ring({ to, from, webhook, method: voiceMethod, publicUrl, fallback, statusCallback, fields }) {
      if (webhook !== undefined) {
        const voiceUrl = known(webhook, publicUrl)
        // What is not named stays, as where REST points the number elsewhere.
        const resolved = (name: 'voiceFallbackUrl' | 'statusCallback', given: string | undefined) => {
          const full = given ? URL.parse(given, voiceUrl) : null
          if (given && full === null) throw new Mistake(`${given} is not a URL, nor a path such as /status.`)
          return given === undefined ? {} : { [name]: full?.href ?? '' }
        }
        const others = {
          ...resolved('voiceFallbackUrl', fallback),
          ...resolved('statusCallback', statusCallback),
        }
        carrier.assign({ phoneNumber: to, accountSid: parts.accountSid, voiceUrl, voiceMethod, ...others })
      } else if (!carrier.leads(to)) throw new Mistake(`Nobody knows where calls to ${to} go: give --webhook.`)
      if (++placed > CALLS_MAX) throw new Mistake(`This carrier has had ${CALLS_MAX} calls. Start "sim up" again.`)
      if (carrier.live().length === 0) await parts.rewind()
      const { callSid } = carrier.call({ to, from, caller: [], isDriven: true, fields })
      parts.onCall(callSid)
      return { callSid }
    },
    async say({ call: callSid, words: said, voice }) {
      const { order, callSid: own } = callOf(callSid)
      const audio = await speech.speak(said, voice).catch((error: Error) => {
        throw new Mistake(error.message)
      })
      model.expect(said, audio)
      order({ on: 'said', waitMs: 0, act: 'say', words: said, audio })
      return { callSid: own, words: said, lastsMs: Math.round(audio.length / BYTES_PER_MS) }
    },
    async dtmf({ call: callSid, digits }) {
      const { order, callSid: own } = callOf(callSid)
      order({ on: 'said', waitMs: 0, act: 'press', digits })
      return { callSid: own, digits }
    },
    async hangup({ call: callSid }) {
      const one = callOf(callSid)
      one.hangUp()
      return { callSid: one.callSid }
    },
    async sms({ to, from, body, webhook, method: smsMethod, publicUrl, media, fields }) {
      if (to.startsWith('whatsapp:') !== from.startsWith('whatsapp:'))
        throw new Mistake('Both numbers are of WhatsApp, or neither is.')
      const phoneNumber = to.replace(/^whatsapp:/, '')
      if (webhook !== undefined) {
        const smsUrl = known(webhook, publicUrl)
        carrier.assign({ phoneNumber, accountSid: parts.accountSid, smsUrl, smsMethod })
      } else if (!carrier.has(to)) throw new Mistake(`Nobody knows where messages to ${to} go: give --webhook.`)
      const pictures = media.map((address) => ({ url: address, contentType: mediaTypeOf(address) }))
      const { message, replies, problems } = await carrier.text({ to, from, body, media: pictures, fields })
      return { messageSid: message.messageSid, replies, problems }
    },
  }

  async function answer<T extends keyof Orders>(what: T, request: Request): Promise<Response> {
    const read = shapes[what].safeParse(await request.json().catch(() => null))
    if (!read.success)
      throw new Mistake(read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'))
    return Response.json(await duties[what](read.data))
  }

  return {
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      const what = pathname.slice(doorPath.length + 1)
      // A page in somebody's browser could reach this door, too.
      if (request.headers.has('origin')) return refused('Not for web pages.', 403)
      try {
        if (what === 'tail') return followers.follow(searchParams.has('frames'))
        if (request.method === 'POST' && isOrder(what)) return await answer(what, request)
        return refused(`There is no ${request.method} ${pathname} here.`, 404)
      } catch (error) {
        if (error instanceof Mistake) return refused(error.message, 400)
        throw error
      }
    },
  }
}

const mediaTypes: Record<string, string> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  pdf: 'application/pdf',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  mp4: 'video/mp4',
  vcf: 'text/vcard',
}

/** By the ending of its path. */
const mediaTypeOf = (address: string): string =>
  mediaTypes[/\.([a-z0-9]+)$/i.exec(new URL(address).pathname)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream'

const isOrder = (what: string): what is keyof Orders => what in shapes
const refused = (mistake: string, status: number): Response => Response.json({ mistake }, { status })

/** Whoever follows the trace, each by an answer that does not end. */
function createFollowers(trace: Trace) {
  type Follower = { hasFrames: boolean; lines: ReadableStreamDefaultController<Uint8Array> }
  const followers = new Set<Follower>()

  trace.onEntry((entry) => {
    const kinds = [...new Set([...followers].map(({ hasFrames }) => hasFrames))]
    for (const hasFrames of kinds) {
      const line = lineOf(entry, hasFrames)
      if (line === null) continue
      for (const follower of followers) if (follower.hasFrames === hasFrames) tell(follower, line)
    }
  })

  function tell(follower: Follower, line: Uint8Array): void {
    const isReading = (follower.lines.desiredSize ?? 0) > -FOLLOWER_MAX_LINES
    if (isReading) follower.lines.enqueue(line)
    else {
      followers.delete(follower)
      follower.lines.close()
    }
  }

  return {
    follow(hasFrames: boolean): Response {
      let own: Follower | null = null
      const body = new ReadableStream<Uint8Array>({
        start(lines) {
          own = { hasFrames, lines }
          followers.add(own)
          // So that whoever asked has the answer's head before anything happens.
          lines.enqueue(encoder.encode('\n'))
        },
        cancel: () => void (own !== null && followers.delete(own)),
      })
      return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
    },
  }
}

const frames = new Set(['media', 'input_audio_buffer.append'])

/** Without frames, what carries sound is left out, or told without it. */
export function withoutSound(entry: TraceEntry): TraceEntry | null {
  if (frames.has(entry.what)) return null
  if (entry.what !== 'response.output_audio.delta') return entry
  const { delta: _sound, ...rest } = entry.body as Record<string, unknown>
  return { ...entry, body: rest }
}

function lineOf(entry: TraceEntry, hasFrames: boolean): Uint8Array | null {
  const shown = hasFrames ? entry : withoutSound(entry)
  return shown && encoder.encode(`${JSON.stringify(shown)}\n`)
}
