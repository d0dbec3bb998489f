// POST /v1/responses: one structured answer, taken from the script. A question asked again word for word, as a retry is,
// gets the same answer. It refuses a schema that the service would refuse, and streams, which it does not have.
import { z } from 'zod'
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { ModelRecord } from '../record.ts'
import { failure, json } from './answers.ts'
import { drawId } from './channel.ts'
import { envelope, messageItem, NOTHING_LEFT, refusalContent, textContent } from './envelope.ts'
import { refusalOf } from './refusal.ts'
import type { Repertoire } from './repertoire.ts'

type Writing = ModelRecord['writings'][number]
type Schema = Record<string, unknown>

const question = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.record(z.string(), z.unknown()))]),
  instructions: z.string().nullish(),
  stream: z.literal(false).nullish(),
  tools: z.array(z.unknown()).max(0).nullish(),
  text: z
    .looseObject({
      format: z
        .discriminatedUnion('type', [
          z.looseObject({ type: z.literal('text') }),
          z.looseObject({
            type: z.literal('json_schema'),
            name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
            schema: z.record(z.string(), z.unknown()),
            strict: z.boolean().nullish(),
          }),
        ])
        .optional(),
    })
    .optional(),
})
type Question = z.infer<typeof question>

export type Writer = { answer(body: unknown): Response; record(): Writing[] }

export function createWriter(parts: {
  clock: SimClock
  random: Random
  nextWriting: Repertoire['nextWriting']
  note(text: string): void
}): Writer {
  const writings: Writing[] = []
  const answered = new Map<string, unknown>()

  function answerTo(asked: Question): { value: unknown } | undefined {
    const key = JSON.stringify([asked.model, asked.instructions, asked.input, asked.text])
    if (answered.has(key)) return { value: answered.get(key) }
    const format = asked.text?.format
    const next = parts.nextWriting(format?.type === 'json_schema' ? format.schema : { type: 'string' })
    if (next) answered.set(key, next.value)
    return next
  }

  function answer(asked: Question): { response: Response; output: string } {
    const format = asked.text?.format
    const schema = format?.type === 'json_schema' ? format : undefined
    const problem = schema?.strict ? problemOfStrictSchema(schema.schema) : null
    if (schema && problem) {
      const message = `Invalid schema for response_format '${schema.name}': ${problem}`
      const refusal = { code: 'invalid_json_schema', message, param: 'text.format.schema' }
      return { response: failure(400, refusal), output: message }
    }
    const writing = answerTo(asked)
    if (!writing) {
      parts.note(`The script has run out: request ${writings.length + 1} to /v1/responses was refused`)
      return { response: json(responseTo(asked, refusalContent(NOTHING_LEFT), NOTHING_LEFT)), output: NOTHING_LEFT }
    }
    if (schema && !z.fromJSONSchema(schema.schema).safeParse(writing.value).success)
      parts.note(`What the script writes does not fit the schema '${schema.name}' of request ${writings.length + 1}`)
    const text = schema || typeof writing.value !== 'string' ? JSON.stringify(writing.value) : writing.value
    return { response: json(responseTo(asked, textContent(text), text)), output: text }
  }

  function responseTo(asked: Question, content: ReturnType<typeof textContent>, said: string) {
    const { model, instructions = null, text } = asked
    const id = drawId(parts.random, 'resp_')
    const output = [messageItem(drawId(parts.random, 'msg_'), content)]
    return envelope(id, parts.clock.now(), { model, instructions, input: inputText(asked), text }, output, said)
  }

  return {
    answer(body) {
      const parsed = question.safeParse(body)
      if (!parsed.success) return failure(400, refusalOf(parsed.error, body))
      const asked = parsed.data
      const { response, output } = answer(asked)
      writings.push({
        atMs: parts.clock.now(),
        model: asked.model,
        instructions: asked.instructions ?? '',
        input: inputText(asked),
        output,
        status: response.status,
      })
      return response
    },
    record: () => [...writings],
  }
}

const inputText = ({ input }: Question) => (typeof input === 'string' ? input : JSON.stringify(input))

/** What keeps a schema from being a strict one: every object closed, every property required. */
function problemOfStrictSchema(schema: Schema, path: string[] = []): string | null {
  const context = `In context=(${path.map((each) => `'${each}'`).join(', ')})`
  const properties = asSchemas(schema.properties)
  if (schema.type === 'object' || schema.properties !== undefined) {
    if (schema.additionalProperties !== false)
      return `${context}, 'additionalProperties' is required to be supplied and to be false.`
    const required = Array.isArray(schema.required) ? schema.required : []
    const missing = Object.keys(properties).find((name) => !required.includes(name))
    if (missing !== undefined)
      return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`
  }
  const inner = [
    ...Object.entries(properties).map(([name, each]): [string[], Schema] => [['properties', name], each]),
    ...Object.entries(asSchemas({ items: schema.items })).map(([name, each]): [string[], Schema] => [[name], each]),
    ...Object.entries(asSchemas(schema.anyOf)).map(([place, each]): [string[], Schema] => [['anyOf', place], each]),
    ...Object.entries(asSchemas(schema.$defs)).map(([name, each]): [string[], Schema] => [['$defs', name], each]),
  ]
  for (const [step, each] of inner) {
    const problem = problemOfStrictSchema(each, [...path, ...step])
    if (problem) return problem
  }
  return null
}

const asSchemas = (value: unknown): Record<string, Schema> =>
  Object.fromEntries(
    Object.entries(value ?? {}).filter(
      (pair): pair is [string, Schema] => typeof pair[1] === 'object' && pair[1] !== null,
    ),
  )
