// A client of the model's stand-in on the virtual clock, for the tests: it sends what it is told, plays audio at the pace of
// a telephone, and keeps everything that it hears. It knows nothing of how the stand-in works.
import { createVirtualClock, type SimClock, type VirtualClock } from '../../sim/clock.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import { createModel, type Model } from '../../sim/model/model.ts'
import type { ModelSettings } from '../../sim/model/settings.ts'
import type { Line } from '../../sim/network.ts'
import type { ModelScript } from '../../sim/script.ts'
import { createSpeech } from '../../sim/speech.ts'
import { createTrace, type Trace } from '../../sim/trace.ts'

export type Item = {
  id: string
  type: string
  status: string
  role?: string
  content?: { type: string; text?: string; transcript?: string | null; audio?: string }[]
  name?: string
  call_id?: string
  arguments?: string
}

/** An event of the service, with what the tests ask of any of them, and when it came. */
export type Heard = {
  type: string
  event_id: string
  atMs: number
  item_id?: string
  previous_item_id?: string | null
  item?: Item
  response_id?: string
  output_index?: number
  content_index?: number
  call_id?: string
  name?: string
  arguments?: string
  delta?: string
  transcript?: string
  text?: string
  part?: { type: string; transcript?: string; text?: string }
  audio_start_ms?: number
  audio_end_ms?: number
  usage?: Record<string, unknown>
  rate_limits?: { name: string; limit: number; remaining: number; reset_seconds: number }[]
  error?: { type: string; code: string | null; message: string; param: string | null; event_id: string | null }
  session?: Record<string, unknown>
  response?: {
    id: string
    object: string
    status: string
    status_details: { type: string; reason?: string; error?: { code: string } } | null
    output: Item[]
    conversation_id: string | null
    metadata: Record<string, string> | null
    usage: {
      total_tokens: number
      input_tokens: number
      output_tokens: number
      input_token_details: {
        text_tokens: number
        audio_tokens: number
        image_tokens: number
        cached_tokens: number
        cached_tokens_details: { text_tokens: number; audio_tokens: number; image_tokens: number }
      }
      output_token_details: { text_tokens: number; audio_tokens: number }
    } | null
  }
}

export type Rig = {
  clock: VirtualClock
  model: Model
  trace: Trace
  heard: Heard[]
  closes: { code: number; reason: string }[]
  send(event: Record<string, unknown>): void
  /** Lets time pass. */
  pass(ms: number): Promise<void>
  /** Sends an event and answers with everything heard in the next `ms`. */
  ask(event: Record<string, unknown>, ms?: number): Promise<Heard[]>
  /** Appends audio as a telephone does, 20 ms every 20 ms; answers with everything heard meanwhile. */
  play(audio: Uint8Array): Promise<Heard[]>
  hang(): void
  /** Timers that the model has set, and that have neither fired nor been cancelled. */
  pendingTimers(): number
  /** Another session with the same model. */
  reopen(): Promise<Rig>
}

export const START_MS = Date.UTC(2026, 10, 24, 9)
const FRAME_BYTES = 160

export const speech = createSpeech({ cacheFolder: new URL('../../.frontdesk/speech', import.meta.url).pathname })

export const silence = (ms: number): Uint8Array => new Uint8Array(ms * 8).fill(0xff)

export const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

export const script = (parts: Partial<ModelScript> = {}): ModelScript => ({
  connection: { take: true },
  hears: [],
  responses: [],
  writings: [],
  supervisor: [],
  ...parts,
})

/** The phone session of the server: μ-law both ways, detection by the service. */
export const phone = {
  type: 'session.update',
  session: {
    type: 'realtime',
    instructions: 'You answer the telephone of a clinic.',
    audio: {
      input: {
        format: { type: 'audio/pcmu' },
        transcription: { model: 'gpt-transcribe', language: 'en' },
        turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 },
      },
      output: { format: { type: 'audio/pcmu' }, voice: 'marin' },
    },
  },
}

export async function openRig(
  parts: {
    script?: Partial<ModelScript>
    seed?: number
    isStrict?: boolean
    settings?: Partial<ModelSettings>
    isConfigured?: boolean
  } = {},
): Promise<Rig> {
  const clock = createVirtualClock({ startMs: START_MS, stuckAfterMs: 5000 })
  const trace = createTrace(clock)
  const { seed = 1, isStrict = false, settings } = parts
  const pending = new Set<object>()
  const counting: SimClock = {
    ...clock,
    after(delayMs, run) {
      const timer = {}
      pending.add(timer)
      const cancel = clock.after(delayMs, () => {
        pending.delete(timer)
        run()
      })
      return () => {
        pending.delete(timer)
        cancel()
      }
    },
  }
  const model = createModel({ clock: counting, trace, speech, seed, isStrict, settings })
  await model.use(script(parts.script))
  return connect({ clock, trace, model, pendingTimers: () => pending.size }, parts.isConfigured !== false)
}

async function connect(
  world: Pick<Rig, 'clock' | 'trace' | 'model' | 'pendingTimers'>,
  isConfigured: boolean,
): Promise<Rig> {
  const { clock, model } = world
  const heard: Heard[] = []
  const closes: Rig['closes'] = []
  const network = createMemoryNetwork({ clock, servers: { 'api.openai.test': model.standIn } })
  const line: Line = await clock.run(
    network.dial(
      'wss://api.openai.test/v1/realtime?model=gpt-realtime-2.1',
      { authorization: 'Bearer sk-test' },
      {
        message: (text) => heard.push({ ...JSON.parse(text), atMs: clock.now() - START_MS }),
        close: (code, reason) => closes.push({ code, reason }),
      },
    ),
  )

  const rig: Rig = {
    ...world,
    heard,
    closes,
    send: (event) => line.send(JSON.stringify(event)),
    pass: (ms) => clock.run(new Promise<void>((resolve) => clock.after(ms, resolve))),
    async ask(event, ms = 1) {
      const from = heard.length
      rig.send(event)
      await rig.pass(ms)
      return heard.slice(from)
    },
    async play(audio) {
      const from = heard.length
      for (let at = 0; at < audio.length; at += FRAME_BYTES) {
        rig.send({ type: 'input_audio_buffer.append', audio: audio.slice(at, at + FRAME_BYTES).toBase64() })
        await rig.pass(20)
      }
      return heard.slice(from)
    },
    hang: () => line.close(1000, ''),
    reopen: () => connect(world, true),
  }
  await rig.pass(1)
  if (isConfigured) await rig.ask(phone)
  return rig
}

export const typesOf = (events: readonly Heard[]): string[] => events.map(({ type }) => type)

export const only = (events: readonly Heard[], type: string): Heard[] => events.filter((event) => event.type === type)

/** The one event of a type; fails when there is another number of them. */
export function one(events: readonly Heard[], type: string): Heard {
  const [first, ...others] = only(events, type)
  if (!first || others.length > 0) throw new Error(`Expected one ${type} among ${typesOf(events).join(', ')}`)
  return first
}
