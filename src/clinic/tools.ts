// What the agent can do besides talking. A tool declares what it takes and answers, in schemas that hold both ways, and
// how long it may take; the runner (tool-runner.ts) does the rest. To add a tool, write one of these and list it below.
import { z } from 'zod'
import type { ConversationFact } from '../conversations/events.ts'
import type { Tx } from '../db/database.ts'

export type ToolContext = {
  tx: Tx
  organizationId: string
  conversationId: string
  toolCallId: string
  nowMs: number
}

/** What a tool answers: a value for the model, further facts for the ledger, and whether the call may end now. */
export type ToolAnswer<R> = { result: R; facts?: ConversationFact[]; endsCall?: boolean }

/** A tool refuses by throwing this; the sentence goes to the model. */
export class ToolRefusal extends Error {}

export type Tool = {
  name: string
  description: string
  parameters: z.ZodType
  result: z.ZodType
  deadlineMs: number
  /** Runs within the organization's transaction, which also keeps the outcome: all of it happens, or nothing. */
  run(context: ToolContext, input: unknown): Promise<ToolAnswer<unknown>>
}

/** Ties the input's type to the schema that checks it. */
export function defineTool<P extends z.ZodType, R extends z.ZodType>(tool: {
  name: string
  description: string
  parameters: P
  result: R
  deadlineMs: number
  run(context: ToolContext, input: z.infer<P>): Promise<ToolAnswer<z.infer<R>>>
}): Tool {
  return { ...tool, run: (context, input) => tool.run(context, tool.parameters.parse(input)) }
}

const quickMs = 3_000
const shortText = (what: string, most: number) => z.string().trim().min(1).max(most).describe(what)

export const takeMessage = defineTool({
  name: 'take_message',
  description: 'Takes a message for the clinic. Use it once you know who is calling and what they want passed on.',
  parameters: z.strictObject({
    caller_name: shortText("The caller's name, as they gave it", 120),
    callback_number: z
      .string()
      .trim()
      .max(40)
      .nullable()
      .describe('The number to call back, or null for the number they call from'),
    for_whom: z.string().trim().max(120).nullable().describe('Whom at the clinic the message is for, or null'),
    message: shortText('The message, in one or two sentences', 1_000),
    is_urgent: z.boolean().describe('Whether the caller says that it cannot wait until tomorrow'),
  }),
  result: z.strictObject({ taken: z.boolean() }),
  deadlineMs: quickMs,
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

export const endCall = defineTool({
  name: 'end_call',
  description: 'Ends the call. Say goodbye first, in the same turn; the caller hears it to the end.',
  parameters: z.strictObject({ reason: shortText('Why the call is over, in a few words', 200) }),
  result: z.strictObject({ ending: z.boolean() }),
  deadlineMs: quickMs,
  run: async () => ({ result: { ending: true }, endsCall: true }),
})

export const receptionistTools: Tool[] = [takeMessage, endCall]

/** A tool as the model is told of it. */
export const toolSchema = ({ name, description, parameters }: Tool) => {
  const { $schema: _, ...schema } = z.toJSONSchema(parameters)
  return { name, description, parameters: schema }
}
