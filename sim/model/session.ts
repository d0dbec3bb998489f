// One Realtime session: a socket, its configuration, its conversation. Says what the service would say to every event of
// the client, and keeps the record of both sides. What breaks the service's rules is a violation; in strict mode it also
// ends the session.
import type { SimClock } from '../clock.ts'
import type { Line, LineHandlers } from '../network.ts'
import type { Random } from '../random.ts'
import type { ModelRecord } from '../record.ts'
import type { Trace } from '../trace.ts'
import type { Breaks } from './breaks.ts'
import { createChannel, drawId } from './channel.ts'
import { type SessionConfig, updateConfig } from './config.ts'
import { createConversation, type Entry } from './conversation.ts'
import type { Ear } from './detector.ts'
import { createItems } from './items.ts'
import type { Limits } from './limits.ts'
import { type ClientEvent, clientEvent } from './protocol.ts'
import { NOT_JSON, refusalOf, SESSION_EXPIRED } from './refusal.ts'
import type { Repertoire } from './repertoire.ts'
import { createResponses } from './responses.ts'
import type { ModelSettings } from './settings.ts'
import type { State } from './state.ts'
import { createTurns } from './turns.ts'

type SessionRecord = ModelRecord['sessions'][number]
export type Session = {
  handlers: LineHandlers
  readonly isOpen: boolean
  cut(): void
  expire(): void
  record(): SessionRecord
}

const POLICY_VIOLATION = 1008
const GOING_AWAY = 1001
const BREAKDOWN = 'The server had an error while processing your request'

export function openSession(parts: {
  line: Line
  clock: SimClock
  trace: Trace
  ear: Ear
  random: Random
  repertoire: Repertoire
  breaks: Breaks
  limits: Limits
  settings: ModelSettings
  isStrict: boolean
  model: string
  config: SessionConfig
  note(text: string): void
}): Session {
  const { random, repertoire, settings, trace, model } = parts
  const openedAtMs = parts.clock.now()
  const violations: string[] = []
  const deleted = new Set<string>()
  let closedAtMs: number | null = null

  const channel = createChannel({
    line: parts.line,
    clock: parts.clock,
    trace,
    random,
    isOrderShuffled: settings.isOrderShuffled,
    onEnd() {
      closedAtMs = parts.clock.now()
      turns.close()
    },
  })
  const sessionId = drawId(random.child('session'), 'sess_')
  const state: State = {
    channel,
    conversation: createConversation(),
    model,
    conversationId: drawId(random.child('conversation'), 'conv_'),
    random,
    repertoire,
    breaks: parts.breaks,
    limits: parts.limits,
    settings,
    config: parts.config,
    isConfigured: false,
    hasSpoken: false,
    refuse(refusal, event, violation) {
      channel.send('error', { error: { type: 'invalid_request_error', ...refusal, event_id: event.event_id ?? null } })
      if (violation) state.violate(violation)
    },
    violate(rule) {
      violations.push(rule)
      if (!parts.isStrict)
        trace.add({ wire: 'realtime', from: 'model', to: 'model', what: 'protocol note', body: { text: rule } })
      else channel.close(POLICY_VIOLATION, `Not allowed: ${rule}`)
    },
    note: parts.note,
  }
  const responses = createResponses(state, {
    started: () => turns.stopWaiting(),
    done: (response) => turns.waitForCaller(response.spokenMs),
  })
  const turns = createTurns(state, parts.ear, responses)
  const items = createItems(state)

  const wireSession = () => ({
    id: sessionId,
    object: 'realtime.session',
    type: 'realtime',
    model,
    expires_at: Math.floor((openedAtMs + settings.sessionMs) / 1000),
    ...state.config,
  })

  function update(event: Extract<ClientEvent, { type: 'session.update' }>) {
    if ('stall' in repertoire.connection) return
    const { hasSpoken } = state
    const result = updateConfig(state.config, event.session, { model, hasSpoken, isResponding: responses.isActive })
    if ('refusal' in result)
      return state.refuse(result.refusal, event, `session.update was refused: ${result.refusal.message}`)
    state.config = result.config
    state.isConfigured = true
    turns.configure()
    const updated = wireSession()
    const tell = () => channel.send('session.updated', { session: updated })
    if (settings.updateMs > 0) channel.after(settings.updateMs, tell)
    else tell()
    if (hasSpoken && event.session.audio?.output?.voice !== undefined)
      state.violate('session.update named a voice after the first audio of the model')
  }

  function obey(event: ClientEvent) {
    switch (event.type) {
      case 'session.update':
        return update(event)
      case 'input_audio_buffer.append':
        return turns.append(event)
      case 'input_audio_buffer.commit':
        return turns.commit(event)
      case 'input_audio_buffer.clear':
        return turns.clear()
      case 'conversation.item.create':
        return items.create(event)
      case 'conversation.item.retrieve':
        return items.retrieve(event)
      case 'conversation.item.delete':
        deleted.add(event.item_id)
        return items.delete(event)
      case 'conversation.item.truncate':
        return items.truncate(event)
      case 'response.create':
        return responses.create(event)
      case 'response.cancel':
        return responses.cancel(event)
    }
  }

  function message(text: string) {
    if (!channel.isOpen) return
    const event = parseJson(text)
    if (event === undefined) return state.refuse(NOT_JSON, {}, 'a message was not JSON')
    trace.add({
      wire: 'realtime',
      from: 'server',
      to: 'model',
      what: fieldOf(event, 'type') ?? 'malformed',
      body: event,
    })
    const parsed = clientEvent.safeParse(event)
    if (parsed.success) return obey(parsed.data)
    const refusal = refusalOf(parsed.error, event)
    state.refuse(refusal, { event_id: fieldOf(event, 'event_id') }, `an event was refused: ${refusal.message}`)
  }

  channel.send('session.created', { session: wireSession() })
  // In the vendor's union of events, but not always seen.
  if (random.child('greeting').int(0, 1) === 1)
    channel.send('conversation.created', {
      conversation: { id: state.conversationId, object: 'realtime.conversation' },
    })
  const { breakdown, errors } = settings
  for (const { afterMs, code } of errors)
    channel.after(afterMs, () =>
      channel.send('error', { error: { type: 'server_error', code, message: BREAKDOWN, param: null, event_id: null } }),
    )
  if (breakdown !== null) channel.after(breakdown.afterMs, () => channel.close(breakdown.code, BREAKDOWN))
  channel.after(settings.expireAfterMs ?? settings.sessionMs, expire)

  function expire() {
    const error = { type: 'invalid_request_error', code: 'session_expired', message: SESSION_EXPIRED, param: null }
    if (!settings.expiresSilently) channel.send('error', { error: { ...error, event_id: null } })
    channel.close(GOING_AWAY, SESSION_EXPIRED)
  }

  return {
    handlers: {
      message,
      close(code, reason) {
        if (!channel.isOpen) return
        trace.add({ wire: 'realtime', from: 'server', to: 'model', what: 'close', body: { code, reason } })
        channel.ended()
      },
    },
    get isOpen() {
      return channel.isOpen
    },
    cut: channel.cut,
    expire,
    record: () => ({
      sessionId,
      openedAtMs,
      closedAtMs,
      config: state.isConfigured ? wireSession() : null,
      ...turns.record(),
      ...responses.record(),
      items: state.conversation.everything.map((entry) => ({
        ...recordOf(entry, !channel.isOpen),
        ...(turns.isUntold(entry.wire.id) && { isUntold: true as const }),
        ...(turns.isWordless(entry.wire.id) && { text: '' }),
        ...(deleted.has(entry.wire.id) && { isDeleted: true as const }),
      })),
      violations: [...violations],
    }),
  }
}

function recordOf(
  { wire, responseId, text, audio, truncatedAtMs }: Entry,
  isOver: boolean,
): SessionRecord['items'][number] {
  return {
    itemId: wire.id,
    responseId,
    role: wire.type === 'message' ? (wire.role ?? 'system') : wire.type,
    text: wire.type === 'message' ? text : '',
    audio: wire.role === 'assistant' ? audio.slice() : new Uint8Array(0),
    truncatedAtMs,
    ...(wire.status === 'in_progress' && isOver && { isTorn: true as const }),
    ...(wire.name !== undefined && { name: wire.name }),
    ...(wire.arguments !== undefined && { arguments: wire.arguments }),
    ...(wire.output !== undefined && { output: wire.output }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function fieldOf(event: unknown, name: 'type' | 'event_id'): string | undefined {
  const value = typeof event === 'object' && event !== null ? Reflect.get(event, name) : undefined
  return typeof value === 'string' ? value : undefined
}
