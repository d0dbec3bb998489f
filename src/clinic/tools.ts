// What the agent can do besides talking. A tool declares what it takes and answers, in schemas that hold both ways, and
// how long it may take; the runner (tool-runner.ts) does the rest. To add a tool, write one of these and list it in
// toolbox.ts. Who calls, and for which clinic, comes from the context; no argument ever says so.
import { z } from 'zod'
import type { ConversationFact } from '../conversations/events.ts'
import type { ConversationState } from '../conversations/state.ts'
import type { Tx } from '../db/database.ts'
import type { Ids } from '../lib/ids.ts'
import type { Organization } from '../organizations/store.ts'

export type ToolContext = {
  tx: Tx
  ids: Ids
  organizationId: string
  organization: Organization
  conversationId: string
  /** The caller's line in E.164 form; null when it is withheld. */
  callerNumber: string | null
  toolCallId: string
  toolName: string
  nowMs: number
  /** What the conversation has established before this call. */
  state(): Promise<ConversationState>
}

/** What a tool answers: a value for the model, further facts for the ledger, and what changes of the call itself. */
export type ToolAnswer<R> = {
  result: R
  facts?: ConversationFact[]
  endsCall?: boolean
  /** In which the call goes on. */
  language?: string
}

/** A tool refuses by throwing this; the sentence goes to the model, and says what to do instead. */
export class ToolRefusal extends Error {}

export type Tool = {
  name: string
  description: string
  parameters: z.ZodType
  result: z.ZodType
  deadlineMs: number
  /** When it ends the call, a person goes on with it. */
  isTransfer?: boolean
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
  isTransfer?: boolean
  run(context: ToolContext, input: z.infer<P>): Promise<ToolAnswer<z.infer<R>>>
}): Tool {
  return { ...tool, run: (context, input) => tool.run(context, tool.parameters.parse(input)) }
}

/** Some words, of at most so many characters. */
export const text = (most: number) => z.string().trim().min(1).max(most)

/** A day of the calendar. */
export const day = () => z.iso.date('must be a day, as YYYY-MM-DD')

/** The model is told to send it, or null; what it forgets or leaves empty is taken for null. */
export const orNull = <S extends z.ZodType>(about: string, schema: S) =>
  z.preprocess((given) => (given === undefined || given === '' ? null : given), schema.nullable()).describe(about)

/** A tool as the model is told of it: made once, because every call tells of all of them. */
export function toolSchema(tool: Tool): ToolSchema {
  const known = schemas.get(tool) ?? schemaOf(tool)
  schemas.set(tool, known)
  return known
}

const schemas = new WeakMap<Tool, ToolSchema>()
type ToolSchema = ReturnType<typeof schemaOf>

function schemaOf({ name, description, parameters, isTransfer = false }: Tool) {
  const { $schema: _, ...schema } = z.toJSONSchema(parameters, { override: withoutDatePattern })
  return { name, description, parameters: schema, isTransfer }
}

/** A hundred tokens that say no more than "format": "date". */
const withoutDatePattern = ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
  if (jsonSchema.format === 'date') delete jsonSchema.pattern
}
