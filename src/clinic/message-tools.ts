// Words that outlast the call: a message for the clinic, what the caller said of themselves, and the end of the call.
import { z } from 'zod'
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { defineTool, orNull, ToolRefusal, text } from './tools.ts'

const deadlineMs = limits.clinicToolMs

export const takeMessage = defineTool({
  name: 'take_message',
  description: 'Takes a message for the clinic. Use it once you know who is calling and what they want passed on.',
  parameters: z.strictObject({
    caller_name: text(120).describe("The caller's name, as they gave it"),
    callback_number: orNull('The number to call back, or null for the number they call from', text(40)),
    for_whom: orNull('Whom at the clinic the message is for, or null', text(120)),
    message: text(1_000).describe('The message, in one or two sentences'),
    is_urgent: z.boolean().describe('Whether the caller says that it cannot wait until tomorrow'),
  }),
  result: z.strictObject({ taken: z.boolean() }),
  deadlineMs,
  async run({ toolCallId }, input) {
    const fact: ConversationFact = {
      kind: 'message.taken',
      toolCallId,
      callerName: input.caller_name,
      callbackNumber: input.callback_number,
      forWhom: input.for_whom,
      message: input.message,
      isUrgent: input.is_urgent,
    }
    return { result: { taken: true }, facts: [fact] }
  },
})

export const note = defineTool({
  name: 'note',
  description:
    'Keeps what the caller said of themselves, so that nobody asks again: not if the line breaks, nor if somebody else ' +
    'goes on with the call. Use it as soon as they give their name or say what they want.',
  parameters: z.strictObject({
    caller_name: orNull("The caller's name, as they gave it, or null", text(120)),
    wish: orNull('What they want, in a few words, or null', text(300)),
  }),
  result: z.strictObject({ kept: z.boolean() }),
  deadlineMs,
  async run({ toolCallId }, { caller_name: callerName, wish }) {
    if (callerName === null && wish === null) throw new ToolRefusal('give a name, a wish, or both')
    const kept = (field: 'caller-name' | 'wish', value: string | null): ConversationFact[] =>
      value === null ? [] : [{ kind: 'note.kept', toolCallId, field, value }]
    return { result: { kept: true }, facts: [...kept('caller-name', callerName), ...kept('wish', wish)] }
  },
})

export const endCall = defineTool({
  name: 'end_call',
  description: 'Ends the call. Say goodbye first, in the same turn; the caller hears it to the end.',
  parameters: z.strictObject({ reason: text(200).describe('Why the call is over, in a few words') }),
  result: z.strictObject({ ending: z.boolean() }),
  deadlineMs,
  run: async () => ({ result: { ending: true }, endsCall: true }),
})
