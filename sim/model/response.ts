// One response as it is performed: created, its items spoken or called piece by piece, faster than they sound, and done.
// Owns its status and its pace. It can be cut off, and then a few pieces that were already on their way still come.
import type { Cancel } from '../clock.ts'
import type { Random } from '../random.ts'
import type { ModelRecord } from '../record.ts'
import type { Channel, Outgoing } from './channel.ts'
import { bytesPerMs, fromMulaw } from './codec.ts'
import type { SessionConfig } from './config.ts'
import { type Conversation, createEntry, type Entry, type WireItem } from './conversation.ts'
import type { Limits } from './limits.ts'
import { type Piece, piecesOfCall, piecesOfSpeech, piecesOfText } from './pieces.ts'
import type { ResponseCreate } from './protocol.ts'
import type { Output } from './repertoire.ts'
import type { ModelSettings } from './settings.ts'
import { outputTokens, type Usage } from './usage.ts'

export type Ending = 'completed' | 'cancelled' | 'failed' | 'incomplete'
export type CutReason = 'turn_detected' | 'client_cancelled'

export type Response = {
  readonly id: string
  readonly createdAtMs: number
  /** A `response.create` asked for it; else the end of a turn did. */
  readonly isAsked: boolean
  readonly isStored: boolean
  readonly status: 'in_progress' | Ending
  readonly reason: string | null
  readonly doneAtMs: number | null
  /** How long all the speech that it emitted sounds. */
  readonly spokenMs: number
  cut(reason: CutReason): void
  /** Once it is cut: does without the late pieces and is done. */
  endNow(): void
}

type Parts = {
  channel: Channel
  conversation: Conversation
  conversationId: string
  config: SessionConfig
  settings: ModelSettings
  limits: Limits
  random: Random
  outputs: Output[]
  request: ResponseCreate
  isAsked: boolean
  usageOf(output: readonly Entry[]): Usage
  /** A tool call of it is whole, and the client has it. */
  onCall(tool: string): void
  onDelta(delta: ModelRecord['sessions'][number]['deltas'][number]): void
  onDone(response: Response): void
}

/** The longest wait between pieces that were on their way when the response was cut. */
const LATE_PIECE_MS = 30
/** For speech that is still being made, or the end of a silence. */
const LOOK_AGAIN_MS = 20

export function startResponse(parts: Parts): Response {
  const { channel, config, settings, random, request, outputs } = parts
  const id = channel.id('resp_')
  const createdAtMs = channel.now()
  const isStored = request.conversation !== 'none'
  const format = request.audio?.output?.format ?? config.audio.output.format
  const [modality] = request.output_modalities ?? config.output_modalities
  const areLimitsFirst = random.int(0, 1) === 0
  const entries: Entry[] = []
  const limit = request.max_output_tokens ?? config.max_output_tokens
  const mostTokens = limit === 'inf' ? Number.POSITIVE_INFINITY : limit
  const usedTokens = () => outputTokens(entries)

  let status: Response['status'] = 'in_progress'
  let failure: { type: string; code: string; message: string } | null = null
  let stopped: 'max_output_tokens' | 'content_filter' | null = null
  let cut: { reason: CutReason; lateLeft: number } | null = null
  let usage: Usage | null = null
  let doneAtMs: number | null = null
  let cancelWait: Cancel = () => {}

  const wire = () => ({
    object: 'realtime.response',
    id,
    status,
    status_details: statusDetails(),
    output: entries.map((entry) => entry.wire),
    conversation_id: isStored ? parts.conversationId : null,
    output_modalities: [modality],
    max_output_tokens: limit,
    audio: { output: { format, voice: request.audio?.output?.voice ?? config.audio.output.voice } },
    metadata: request.metadata ?? null,
    usage,
  })

  function statusDetails() {
    if (status === 'cancelled') return { type: 'cancelled', reason: cut?.reason }
    if (status === 'failed') return { type: 'failed', error: failure }
    if (status === 'incomplete') return { type: 'incomplete', reason: stopped }
    return null
  }

  /** Yields how long to wait before going on. */
  function* performance(): Generator<number, void> {
    channel.send('response.created', { response: wire() })
    if (areLimitsFirst) sendLimits()
    yield random.int(...settings.firstAudioMs)
    for (const output of outputs) {
      if (cut || failure || stopped || !channel.isOpen) break
      switch (output.kind) {
        case 'say':
          yield* say(output)
          break
        case 'call':
          yield* call(output.name, output.arguments)
          break
        case 'fail':
          failure = failureOf(output.code)
          break
        case 'hang':
          while (!cut && channel.isOpen) yield LOOK_AGAIN_MS
          break
        case 'stop':
          stopped = output.reason
      }
    }
    finish()
  }

  function* say({ text, audio }: Extract<Output, { kind: 'say' }>): Generator<number, void> {
    let mulaw = audio()
    for (; mulaw === null && !cut; mulaw = audio()) yield LOOK_AGAIN_MS
    if (mulaw === null) return
    const isSpoken = modality === 'audio'
    const entry = addItem({ type: 'message', role: 'assistant', content: [] })
    const place = { ...placeOf(entry), content_index: 0 }
    const partOf = (words: string) => (isSpoken ? { type: 'audio', transcript: words } : { type: 'text', text: words })
    channel.send('response.content_part.added', { ...place, part: partOf('') })
    const pieces = isSpoken
      ? piecesOfSpeech(text, fromMulaw(format, mulaw), bytesPerMs(format), random, settings)
      : piecesOfText(text)
    const isWhole = yield* emit(pieces, (piece) => {
      if (piece.text !== '') {
        entry.text += piece.text
        channel.send(isSpoken ? 'response.output_audio_transcript.delta' : 'response.output_text.delta', {
          ...place,
          delta: piece.text,
        })
      }
      if (piece.audio.length > 0) emitAudio(entry, piece.audio, place)
    })
    if (isSpoken) {
      channel.sendGroup([
        ['response.output_audio.done', place],
        ['response.output_audio_transcript.done', { ...place, transcript: entry.text }],
        ['response.content_part.done', { ...place, part: partOf(entry.text) }],
      ])
    } else {
      channel.send('response.output_text.done', { ...place, text: entry.text })
      channel.send('response.content_part.done', { ...place, part: partOf(entry.text) })
    }
    const content = isSpoken
      ? { type: 'output_audio', transcript: entry.truncatedAtMs === null ? entry.text : '' }
      : { type: 'output_text', text: entry.text }
    endItem(entry, { status: isWhole ? 'completed' : 'incomplete', content: [content] })
  }

  function* call(name: string, args: string): Generator<number, void> {
    const callId = channel.id('call_')
    const entry = addItem({ type: 'function_call', name, call_id: callId, arguments: '' })
    const place = { ...placeOf(entry), call_id: callId }
    const isWhole = yield* emit(piecesOfCall(args, random), (piece) => {
      entry.text += piece.text
      channel.send('response.function_call_arguments.delta', { ...place, delta: piece.text })
    })
    channel.send('response.function_call_arguments.done', { ...place, name, arguments: entry.text })
    endItem(entry, { status: isWhole ? 'completed' : 'incomplete', arguments: entry.text })
    if (isWhole) parts.onCall(name)
  }

  /** Answers whether all of it was emitted. */
  function* emit(pieces: Piece[], send: (piece: Piece) => void): Generator<number, boolean> {
    for (const piece of pieces) {
      if (cut && cut.lateLeft-- <= 0) return false
      if (usedTokens() >= mostTokens) stopped = 'max_output_tokens'
      if (stopped) return false
      send(piece)
      yield piece.tookMs
    }
    return true
  }

  function emitAudio(entry: Entry, audio: Uint8Array, place: Record<string, unknown>) {
    const fromByte = entry.audio.length
    entry.audio.push(audio)
    if (entry.truncatedAtMs === null) entry.audioMs = entry.audio.length / bytesPerMs(format)
    channel.send('response.output_audio.delta', { ...place, delta: audio.toBase64() })
    parts.onDelta({
      atMs: channel.now(),
      responseId: id,
      itemId: entry.wire.id,
      fromByte,
      toByte: entry.audio.length,
    })
  }

  function addItem(fields: Omit<WireItem, 'id' | 'object' | 'status'>): Entry {
    const entry = createEntry(
      { id: channel.id('item_'), object: 'realtime.item', status: 'in_progress', ...fields },
      id,
    )
    entries.push(entry)
    if (isStored) parts.conversation.add(entry)
    else parts.conversation.keepAside(entry)
    sendItem(entry, 'added')
    return entry
  }

  function endItem(entry: Entry, fields: Partial<WireItem>) {
    entry.wire = { ...entry.wire, ...fields }
    sendItem(entry, 'done')
  }

  function sendItem(entry: Entry, what: 'added' | 'done') {
    const { response_id, output_index } = placeOf(entry)
    const item = entry.wire
    const events: Outgoing[] = [[`response.output_item.${what}`, { response_id, output_index, item }]]
    if (isStored)
      events.push([`conversation.item.${what}`, { previous_item_id: parts.conversation.previousOf(item.id), item }])
    channel.sendGroup(events)
  }

  const placeOf = (entry: Entry) => ({
    response_id: id,
    item_id: entry.wire.id,
    output_index: entries.indexOf(entry),
  })

  function sendLimits() {
    channel.send('rate_limits.updated', { rate_limits: parts.limits.told() })
  }

  function finish() {
    if (!channel.isOpen) return
    status = cut ? 'cancelled' : failure ? 'failed' : stopped ? 'incomplete' : 'completed'
    if (status !== 'failed') usage = parts.usageOf(entries)
    parts.limits.spend(usage?.total_tokens ?? 0)
    doneAtMs = channel.now()
    channel.send('response.done', { response: wire() })
    if (!areLimitsFirst) sendLimits()
    parts.onDone(response)
  }

  const steps = performance()
  function goOn() {
    const step = steps.next()
    if (!step.done) cancelWait = channel.after(cut ? Math.min(step.value, LATE_PIECE_MS) : step.value, goOn)
  }

  const response: Response = {
    id,
    createdAtMs,
    isAsked: parts.isAsked,
    isStored,
    get status() {
      return status
    },
    get reason() {
      return cut?.reason ?? failure?.code ?? stopped ?? null
    },
    get doneAtMs() {
      return doneAtMs
    },
    get spokenMs() {
      return entries.reduce((total, entry) => total + entry.audio.length / bytesPerMs(format), 0)
    },
    cut(reason) {
      if (cut || status !== 'in_progress') return
      cut = { reason, lateLeft: random.int(...settings.lateDeltas) }
      cancelWait()
      cancelWait = channel.after(random.int(1, LATE_PIECE_MS), goOn)
    },
    endNow() {
      if (!cut || status !== 'in_progress') return
      cut.lateLeft = 0
      cancelWait()
      goOn()
    },
  }
  goOn()
  return response
}

function failureOf(code: string) {
  return {
    type: code === 'server_error' ? 'server_error' : 'invalid_request_error',
    code,
    message: `The response could not be generated: ${code}.`,
  }
}
