// One Realtime session of a load: it greets, lets the caller have their turn, answers, and so on until the call is over. It
// speaks the true events in their true order, and neither hears nor synthesizes: every turn comes by the clock, the audio is
// stamped silence. The beat of the load drives it.
import type { Cancel } from '../clock.ts'
import type { Line, LineHandlers } from '../network.ts'
import type { Beat } from './beat.ts'
import { appendedAudio, isStamped, speechPiece } from './frames.ts'
import { afterStamp, readLetters } from './stamp.ts'
import { type CallTally, keepTime, type Tally, timeOf } from './tally.ts'

/** A turn of the agent: pieces of these lengths, made six times as fast as they sound. */
const piecesMs = [100, 200, 300, 200, 100, 200, 300, 200, 100, 300, 200, 300, 200, 300]
const piecesOfTurn = piecesMs.map((ms) => ({ ms, bytes: ms * 8, tail: afterStamp(ms * 8) }))
const speedup = 6
/** From `response.created` to the first sound. */
const firstSoundMs = 250
/** From the last word of the agent to the caller's first; how long the caller speaks; from its end to its transcript. */
const reactionMs = 600
const callerTurnMs = 1_600
const thinkingMs = 200
const patienceMs = 3_000
const callerWords = 'Could you tell me when the practice is open on Fridays?'
const agentWords = 'We are open on Fridays from eight until five.'

type Phase =
  | { is: 'silent' }
  | { is: 'speaking'; responseId: string; itemId: string; next: number; dueAtMs: number }
  /** Whatever has been said still sounds. */
  | { is: 'listening'; untilMs: number }
  | { is: 'caller-speaks'; itemId: string; untilMs: number }
  | { is: 'thinking'; itemId: string; untilMs: number }

type ClientEvent = { type: string; [name: string]: unknown }

export type Conversing = { beat: Beat; tally: Tally; nextId(prefix: string): string }

export function converse(world: Conversing, line: Line): LineHandlers {
  const { beat, tally, nextId } = world
  const startedAtMs = performance.now()
  let call: CallTally | null = null
  let session: object = {}
  let phase: Phase = { is: 'silent' }
  let lastItemId: string | null = null
  let soundsUntilMs = 0
  /** In a session that greets nobody, the caller speaks first. */
  let callerDueAtMs = Number.POSITIVE_INFINITY
  let rise: Cancel = () => {}

  const send = (type: string, fields: object): void =>
    line.send(JSON.stringify({ type, event_id: nextId('event_'), ...fields }))

  function hear(payload: string): void {
    const [index, count] = [readLetters(payload, 0), readLetters(payload, 4)]
    const from = tally.calls[index]
    // Silence that the server put in.
    if (from === undefined || count < 0) return
    if (call !== from) {
      call = from
      from.timedFrom = from.sent
      callerDueAtMs = performance.now() + patienceMs
    }
    if (count < from.nextHeard) {
      from.repeated++
      return
    }
    from.heard++
    from.nextHeard = count + 1
    if (count >= from.timedFrom) tally.callerToModel.add(performance.now() - timeOf(from.sentAtMs, count))
  }

  function obey(event: ClientEvent): void {
    switch (event.type) {
      case 'session.update':
        session = { ...session, ...(event.session as object) }
        send('session.updated', { session })
        return
      case 'response.create':
        if (phase.is === 'speaking') refuse(event, 'conversation_already_has_active_response')
        else answer()
        return
      case 'response.cancel':
        refuse(event, 'response_cancel_not_active')
        return
      case 'conversation.item.create': {
        const item = { id: nextId('item_'), ...(event.item as object) }
        added(item, item.id)
      }
    }
  }

  const refuse = (event: ClientEvent, code: string): void =>
    send('error', {
      error: { type: 'invalid_request_error', code, message: code, param: null, event_id: event.event_id ?? null },
    })

  function added(item: object, itemId: string): void {
    const place = { previous_item_id: lastItemId, item }
    lastItemId = itemId
    send('conversation.item.added', place)
    send('conversation.item.done', place)
  }

  function answer(): void {
    const [responseId, itemId] = [nextId('resp_'), nextId('item_')]
    send('response.created', { response: responseOf(responseId, 'in_progress', []) })
    const item = { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] }
    send('response.output_item.added', { response_id: responseId, output_index: 0, item })
    added(item, itemId)
    const part = { type: 'audio', transcript: '' }
    send('response.content_part.added', { ...placeOf(responseId, itemId), part })
    phase = { is: 'speaking', responseId, itemId, next: 0, dueAtMs: performance.now() + firstSoundMs }
  }

  function speak(now: Extract<Phase, { is: 'speaking' }>, nowMs: number): void {
    if (call === null) return
    for (let piece = piecesOfTurn[now.next]; piece !== undefined; piece = piecesOfTurn[now.next]) {
      if (now.dueAtMs > nowMs) return
      const delta = speechPiece(call.index, call.said, piece.tail)
      const ofItem = `"response_id":"${now.responseId}","item_id":"${now.itemId}","output_index":0,"content_index":0`
      keepTime(call.saidAtMs, call.said, performance.now())
      call.said++
      call.saidBytes += piece.bytes
      line.send(`{"type":"response.output_audio.delta","event_id":"${nextId('event_')}",${ofItem},"delta":"${delta}"}`)
      soundsUntilMs = Math.max(soundsUntilMs, performance.now()) + piece.ms
      now.next++
      now.dueAtMs += piece.ms / speedup
    }
    finish(now)
  }

  function finish({ responseId, itemId }: Extract<Phase, { is: 'speaking' }>): void {
    const place = placeOf(responseId, itemId)
    send('response.output_audio_transcript.delta', { ...place, delta: agentWords })
    send('response.output_audio.done', place)
    send('response.output_audio_transcript.done', { ...place, transcript: agentWords })
    const content = { type: 'output_audio', transcript: agentWords }
    send('response.content_part.done', { ...place, part: { type: 'audio', transcript: agentWords } })
    const item = { id: itemId, type: 'message', status: 'completed', role: 'assistant', content: [content] }
    send('response.output_item.done', { response_id: responseId, output_index: 0, item })
    send('response.done', { response: { ...responseOf(responseId, 'completed', [item]), usage } })
    phase = { is: 'listening', untilMs: soundsUntilMs + reactionMs }
  }

  function callerBegins(): void {
    const itemId = nextId('item_')
    const audio_start_ms = Math.round(performance.now() - startedAtMs)
    send('input_audio_buffer.speech_started', { audio_start_ms, item_id: itemId })
    phase = { is: 'caller-speaks', itemId, untilMs: performance.now() + callerTurnMs }
  }

  function callerEnds(itemId: string): void {
    const audio_end_ms = Math.round(performance.now() - startedAtMs)
    send('input_audio_buffer.speech_stopped', { audio_end_ms, item_id: itemId })
    send('input_audio_buffer.committed', { item_id: itemId, previous_item_id: lastItemId })
    const content = [{ type: 'input_audio', transcript: null }]
    added({ id: itemId, type: 'message', status: 'completed', role: 'user', content }, itemId)
    phase = { is: 'thinking', itemId, untilMs: performance.now() + thinkingMs }
  }

  function transcribe(itemId: string): void {
    const place = { item_id: itemId, content_index: 0 }
    send('conversation.item.input_audio_transcription.delta', { ...place, delta: callerWords })
    const seconds = callerTurnMs / 1000
    const completed = { ...place, transcript: callerWords, usage: { type: 'duration', seconds } }
    send('conversation.item.input_audio_transcription.completed', completed)
  }

  function step(nowMs: number): void {
    switch (phase.is) {
      case 'silent':
        if (nowMs >= callerDueAtMs && call?.isClosing === false) callerBegins()
        return
      case 'speaking':
        speak(phase, nowMs)
        return
      case 'listening':
        if (nowMs >= phase.untilMs && call?.isClosing === false) callerBegins()
        return
      case 'caller-speaks':
        if (nowMs >= phase.untilMs) callerEnds(phase.itemId)
        return
      case 'thinking':
        if (nowMs < phase.untilMs) return
        transcribe(phase.itemId)
        if (call?.isClosing) phase = { is: 'silent' }
        else answer()
    }
  }

  session = { id: nextId('sess_'), object: 'realtime.session', type: 'realtime' }
  send('session.created', { session })
  rise = beat.seat(step)

  return {
    message(text) {
      const payload = appendedAudio(text)
      if (payload === null) obey(JSON.parse(text))
      else if (isStamped(payload)) hear(payload)
    },
    close: () => rise(),
  }
}

const placeOf = (responseId: string, itemId: string) => ({
  response_id: responseId,
  item_id: itemId,
  output_index: 0,
  content_index: 0,
})

const responseOf = (id: string, status: string, output: object[]) => ({
  object: 'realtime.response',
  id,
  status,
  status_details: null,
  output,
  output_modalities: ['audio'],
  usage: null,
})

const usage = {
  total_tokens: 300,
  input_tokens: 240,
  output_tokens: 60,
  input_token_details: { text_tokens: 200, audio_tokens: 40, image_tokens: 0, cached_tokens: 0 },
  output_token_details: { text_tokens: 10, audio_tokens: 50 },
}
