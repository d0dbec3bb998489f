// The caller's turns: audio in, speech found in it, each turn committed as one item, transcribed a while later, answered.
// Also the silence that lasts too long. Owns the input buffer.
import type { Cancel } from '../clock.ts'
import type { ModelRecord } from '../record.ts'
import { decodeBase64, isWholeSamples } from './codec.ts'
import { createEntry, type Entry } from './conversation.ts'
import type { Ear } from './detector.ts'
import { createInput, type Stretch } from './input.ts'
import { wordsOf } from './pieces.ts'
import type { ClientEvent } from './protocol.ts'
import * as refusals from './refusal.ts'
import type { Responses } from './responses.ts'
import type { TranscriptFate } from './settings.ts'
import type { State } from './state.ts'
import { listenedTokens, textTokens } from './usage.ts'

type SessionRecord = ModelRecord['sessions'][number]
type Event<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>

export type Turns = {
  append(event: Event<'input_audio_buffer.append'>): void
  commit(event: Event<'input_audio_buffer.commit'>): void
  clear(): void
  /** Takes over what has changed in the configuration. */
  configure(): void
  /** The model has finished; `spokenMs` of its speech are yet to sound. */
  waitForCaller(spokenMs: number): void
  /** Silence is no longer being waited out. */
  stopWaiting(): void
  /** Whether a turn was heard and its words were not told. */
  isUntold(itemId: string): boolean
  /** Whether a turn has no words for the client, now or ever. */
  isWordless(itemId: string): boolean
  record(): Pick<SessionRecord, 'appended' | 'appends' | 'speech'>
  close(): void
}

const MAX_APPEND_BYTES = 15 * 1024 * 1024

export function createTurns(state: State, ear: Ear, responses: Responses): Turns {
  const { channel, conversation, repertoire } = state
  const input = createInput(ear, state.config.audio.input)
  let turnCount = 0
  const transcriptDelays = state.random.child('transcripts')
  const appends: SessionRecord['appends'] = []
  const speech: SessionRecord['speech'] = []
  /** Turns of which no words are told yet. */
  const untold = new Set<Entry>()
  const wordless = new Set<string>()
  let speaking: SessionRecord['speech'][number] | null = null
  let cancelIdle: Cancel = () => {}

  const detection = () => state.config.audio.input.turn_detection

  function beginSpeech(atMs: number) {
    cancelIdle()
    speaking = { startedAtMs: channel.now(), stoppedAtMs: null, itemId: channel.id('item_') }
    speech.push(speaking)
    channel.send('input_audio_buffer.speech_started', { audio_start_ms: atMs, item_id: speaking.itemId })
    if (detection()?.interrupt_response) responses.interrupt()
  }

  function endSpeech(atMs: number, turn: Stretch) {
    const item_id = stopSpeaking() ?? channel.id('item_')
    channel.send('input_audio_buffer.speech_stopped', { audio_end_ms: atMs, item_id })
    commitTurn(item_id, turn, wordsIn(turn))
    if (detection()?.create_response) responses.answer()
  }

  function stopSpeaking(): string | undefined {
    if (speaking) speaking.stoppedAtMs = channel.now()
    const itemId = speaking?.itemId
    speaking = null
    return itemId
  }

  function commitTurn(itemId: string, { fromByte, toByte, audioMs }: Stretch, heard: string) {
    const entry = createEntry(
      {
        id: itemId,
        object: 'realtime.item',
        type: 'message',
        status: 'completed',
        role: 'user',
        content: [{ type: 'input_audio', transcript: null }],
      },
      null,
      heard,
    )
    entry.audio.push(input.bytes.slice(fromByte, toByte))
    entry.audioMs = audioMs
    conversation.add(entry)
    const previous_item_id = conversation.previousOf(itemId)
    channel.send('input_audio_buffer.committed', { item_id: itemId, previous_item_id })
    channel.send('conversation.item.added', { previous_item_id, item: entry.wire })
    channel.send('conversation.item.done', { previous_item_id, item: entry.wire })
    const { transcription } = state.config.audio.input
    if (!transcription) return
    untold.add(entry)
    const isWhole = transcription.model === 'whisper-1'
    const { transcripts } = state.settings
    const fate = transcripts[Math.min(turnCount++, transcripts.length - 1)] ?? 'whole'
    if (fate === 'failed' || fate === 'empty' || fate === 'never') wordless.add(itemId)
    if (fate === 'never') return
    channel.after(transcriptDelays.int(...state.settings.transcriptMs), () =>
      transcribe(entry, isWhole ? [heard] : wordsOf(heard), isTimed(transcription.model), fate),
    )
  }

  const wordsIn = ({ fromByte, toByte }: Stretch) => repertoire.hear(input.bytes.slice(fromByte, toByte))

  function transcribe(entry: Entry, parts: string[], isPaidByTime: boolean, fate: Exclude<TranscriptFate, 'never'>) {
    untold.delete(entry)
    const place = { item_id: entry.wire.id, content_index: 0 }
    if (fate === 'failed') {
      channel.send('conversation.item.input_audio_transcription.failed', { ...place, error: refusals.notTranscribed })
      return
    }
    const transcript = fate === 'empty' ? '' : entry.text
    const deltas = fate === 'empty' ? [] : parts.flatMap((part) => (fate === 'doubled' ? [part, part] : [part]))
    for (const delta of deltas) {
      if (delta) channel.send('conversation.item.input_audio_transcription.delta', { ...place, delta })
    }
    entry.wire = { ...entry.wire, content: [{ type: 'input_audio', transcript }] }
    channel.send('conversation.item.input_audio_transcription.completed', {
      ...place,
      transcript,
      usage: isPaidByTime ? { type: 'duration', seconds: entry.audioMs / 1000 } : tokenUsage(entry),
    })
  }

  return {
    append(event) {
      if (!state.isConfigured) state.violate('audio was appended before session.updated')
      const chunk = decodeBase64(event.audio)
      if (!chunk) return state.refuse(refusals.notBase64, event, 'audio was appended that is not base64')
      if (chunk.length > MAX_APPEND_BYTES)
        return state.refuse(refusals.invalidValue('audio', `${chunk.length} bytes`), event, 'an append above 15 MiB')
      if (!isWholeSamples(state.config.audio.input.format, chunk.length))
        state.violate('audio was appended that ends within a sample')
      const fromByte = input.bytes.length
      const heard = input.append(chunk)
      appends.push({ atMs: channel.now(), fromByte, toByte: input.bytes.length })
      for (const edge of heard) {
        if (edge.edge === 'started') beginSpeech(edge.atMs)
        else endSpeech(edge.atMs, edge.turn)
      }
    },
    commit(event) {
      const turn = input.pending()
      if (turn.audioMs < refusals.MIN_COMMIT_MS) return state.refuse(refusals.tooLittleAudio(turn.audioMs), event)
      input.restart()
      commitTurn(stopSpeaking() ?? channel.id('item_'), turn, wordsIn(turn))
    },
    clear() {
      input.restart()
      stopSpeaking()
      channel.send('input_audio_buffer.cleared')
    },
    configure() {
      if (input.configure(state.config.audio.input)) stopSpeaking()
    },
    waitForCaller(spokenMs) {
      cancelIdle()
      const vad = detection()
      if (vad?.type !== 'server_vad' || !vad.idle_timeout_ms || speaking) return
      const fromMs = input.positionMs
      cancelIdle = channel.after(spokenMs + vad.idle_timeout_ms, () => {
        const item_id = channel.id('item_')
        channel.send('input_audio_buffer.timeout_triggered', {
          audio_start_ms: Math.floor(fromMs),
          audio_end_ms: Math.floor(input.positionMs),
          item_id,
        })
        const turn = input.pending()
        input.restart()
        commitTurn(item_id, turn, '')
        responses.answer()
      })
    },
    stopWaiting: () => cancelIdle(),
    isUntold: (itemId) => [...untold].some(({ wire }) => wire.id === itemId),
    isWordless: (itemId) => wordless.has(itemId),
    record: () => ({
      appended: input.bytes.slice(),
      appends: [...appends],
      speech: speech.map((each) => ({ ...each })),
    }),
    close() {
      for (const { audio, text } of untold) repertoire.unheard(audio.slice(), text)
      input.close()
    },
  }
}

/** Which models are paid by the minute; the others by tokens (openai.com, model pages). */
const isTimed = (model: string | undefined) =>
  model !== undefined && ['whisper-1', 'gpt-transcribe', 'gpt-live-transcribe', 'gpt-realtime-whisper'].includes(model)

function tokenUsage(entry: Entry) {
  const audio = listenedTokens(entry.audioMs)
  const output = textTokens(entry.text)
  return {
    type: 'tokens',
    total_tokens: audio + output,
    input_tokens: audio,
    output_tokens: output,
    input_token_details: { audio_tokens: audio, text_tokens: 0 },
  }
}
