// What a client may do to the items of a conversation: create, retrieve, delete, truncate. Only audio that the model has
// put out can be truncated, and never to more than there is of it.
import { bytesPerMs, decodeBase64 } from './codec.ts'
import { createEntry, type Entry, type WireItem } from './conversation.ts'
import type { ClientEvent, NewItem } from './protocol.ts'
import * as refusals from './refusal.ts'
import type { State } from './state.ts'

type Event<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>

export type Items = {
  create(event: Event<'conversation.item.create'>): void
  retrieve(event: Event<'conversation.item.retrieve'>): void
  delete(event: Event<'conversation.item.delete'>): void
  truncate(event: Event<'conversation.item.truncate'>): void
}

export function createItems(state: State): Items {
  const { channel, conversation } = state

  const find = (event: { item_id: string; event_id?: string }): Entry | undefined => {
    const entry = conversation.find(event.item_id)
    if (!entry) state.refuse(refusals.itemNotFound(event.item_id, 'item_id'), event)
    return entry
  }
  const has = (type: WireItem['type'], callId: string | undefined) =>
    conversation.entries.some(({ wire }) => wire.type === type && wire.call_id === callId)

  return {
    create(event) {
      const { item, previous_item_id: after } = event
      if (item.id && conversation.find(item.id)) return state.refuse(refusals.invalidValue('item.id', item.id), event)
      if (after && after !== 'root' && !conversation.find(after))
        return state.refuse(refusals.itemNotFound(after, 'previous_item_id'), event)
      if (item.type === 'function_call_output' && !has('function_call', item.call_id))
        return state.refuse(
          refusals.unknownCall(item.call_id),
          event,
          'a function_call_output named a call that the conversation does not have',
        )
      if (item.type !== 'message' && item.call_id !== undefined && has(item.type, item.call_id))
        state.violate(`a second ${item.type} was created for one call of a tool`)
      const entry = entryOf(item, { item: channel.id('item_'), call: channel.id('call_') })
      const audio = audioOf(item)
      if (!audio) return state.refuse(refusals.notBase64, event, 'an item was created with audio that is not base64')
      entry.audio.push(audio)
      entry.audioMs = audio.length / bytesPerMs(state.config.audio.input.format)
      conversation.add(entry, after)
      const fields = { previous_item_id: conversation.previousOf(entry.wire.id), item: entry.wire }
      channel.send('conversation.item.added', fields)
      channel.send('conversation.item.done', fields)
    },
    retrieve(event) {
      const entry = find(event)
      if (!entry) return
      const audio = entry.audio.length > 0 ? { audio: entry.audio.slice().toBase64() } : {}
      const content = entry.wire.content?.map((part) => (part.type.endsWith('_audio') ? { ...part, ...audio } : part))
      channel.send('conversation.item.retrieved', { item: { ...entry.wire, ...(content && { content }) } })
    },
    delete(event) {
      if (!find(event)) return
      conversation.remove(event.item_id)
      channel.send('conversation.item.deleted', { item_id: event.item_id })
    },
    truncate(event) {
      const entry = find(event)
      if (!entry) return
      if (entry.wire.role !== 'assistant' || entry.audio.length === 0)
        return state.refuse(refusals.onlyModelAudio, event, 'an item without audio of the model was truncated')
      if (event.content_index !== 0)
        return state.refuse(refusals.invalidValue('content_index', event.content_index), event)
      if (event.audio_end_ms > entry.audioMs)
        return state.refuse(
          refusals.shorterAlready(entry.audioMs, event.audio_end_ms),
          event,
          `an item was truncated at ${event.audio_end_ms} ms, beyond the ${Math.floor(entry.audioMs)} ms that it has`,
        )
      entry.audioMs = event.audio_end_ms
      entry.truncatedAtMs = event.audio_end_ms
      // The service gives no transcript of what is left.
      const content = entry.wire.content?.map((part) => ({ ...part, transcript: '' }))
      entry.wire = { ...entry.wire, ...(content && { content }) }
      const { item_id, content_index, audio_end_ms } = event
      channel.send('conversation.item.truncated', { item_id, content_index, audio_end_ms })
    },
  }
}

/** An item as a client has made it; `fresh`: ids for what it has not named. */
export function entryOf(item: NewItem, fresh: { item: string; call: string }): Entry {
  const common = { id: item.id ?? fresh.item, object: 'realtime.item', status: 'completed' } as const
  switch (item.type) {
    case 'message': {
      const content = item.content.map((part) => ({
        type: part.type,
        ...('text' in part && { text: part.text }),
        ...(part.type === 'input_audio' && { transcript: part.transcript ?? null }),
      }))
      const wire: WireItem = { ...common, type: item.type, role: item.role, content }
      return createEntry(wire, null, content.map((part) => part.text ?? part.transcript ?? '').join(''))
    }
    case 'function_call': {
      const { type, name, call_id = fresh.call } = item
      return createEntry({ ...common, type, name, call_id, arguments: item.arguments })
    }
    case 'function_call_output': {
      const { type, call_id, output } = item
      return createEntry({ ...common, type, call_id, output })
    }
  }
}

function audioOf(item: NewItem): Uint8Array | null {
  const parts = item.type === 'message' && item.role === 'user' ? item.content : []
  return decodeBase64(parts.map((part) => (part.type === 'input_audio' ? part.audio : '')).join(''))
}
