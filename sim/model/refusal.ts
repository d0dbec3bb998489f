// The errors of a session, in the vendor's words: the codes, messages and params that were seen on the real service. Where
// none was ever seen, the nearest one is used.
import type { z } from 'zod'

export type Refusal = { code: string | null; message: string; param: string | null }

/** The first thing that a schema holds against `input`, as the service words it. */
export function refusalOf(error: z.core.$ZodError, input: unknown): Refusal {
  const [issue] = error.issues
  if (!issue) throw new Error('A schema refused without saying why')
  return refusalOfIssue(issue, input)
}

function refusalOfIssue(issue: z.core.$ZodIssue, input: unknown): Refusal {
  const param = pathText(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const name = pathText([...issue.path, ...issue.keys.slice(0, 1)])
    return { code: 'unknown_parameter', message: `Unknown parameter: '${name}'.`, param: name }
  }
  const value = valueAt(input, issue.path)
  if (value === undefined) {
    return { code: 'missing_required_parameter', message: `Missing required parameter: '${param}'.`, param }
  }
  switch (issue.code) {
    case 'invalid_value':
      return invalidValue(param, value, issue.values)
    case 'invalid_union': {
      if ('options' in issue && Array.isArray(issue.options)) return invalidValue(param, value, issue.options)
      const within = innermost(issue)
      return within
        ? refusalOfIssue({ ...within, path: [...issue.path, ...within.path] }, input)
        : invalidValue(param, value)
    }
    case 'invalid_type':
      return {
        code: 'invalid_type',
        message: `Invalid type for '${param}': expected ${issue.expected}, but got ${kindOf(value)} instead.`,
        param,
      }
    case 'too_big':
      return invalidValue(param, value, undefined, `at most ${issue.maximum}`)
    case 'too_small':
      return invalidValue(param, value, undefined, `at least ${issue.minimum}`)
    default:
      return invalidValue(param, value)
  }
}

/** Of the ways in which a value failed to be one of several things, the one in which it came farthest. */
function innermost(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | undefined {
  const firsts = issue.errors.flatMap((issues) => issues.slice(0, 1))
  const depth = (each: z.core.$ZodIssue) => each.path.length + (each.code === 'invalid_type' ? 0 : 0.5)
  return firsts.toSorted((one, other) => depth(other) - depth(one))[0]
}

export function invalidValue(
  param: string,
  value: unknown,
  supported?: readonly unknown[],
  expected?: string,
): Refusal {
  const shown = typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
  const list = supported?.map((each) => (typeof each === 'string' ? `'${each}'` : String(each))).join(', ')
  const hint = list ? ` Supported values are: ${list}.` : expected ? ` Expected ${expected}.` : ''
  return { code: 'invalid_value', message: `Invalid value: ${shown}.${hint}`, param }
}

export const itemNotFound = (itemId: string, param: string): Refusal => ({
  code: 'item_not_found',
  message: `Item with id '${itemId}' not found in the conversation.`,
  param,
})

export const NOT_JSON: Refusal = { code: null, message: 'The message is not JSON.', param: null }

export const notBase64: Refusal = {
  code: 'invalid_value',
  message: "Invalid 'audio'. Expected base64-encoded audio bytes in the session's input format.",
  param: 'audio',
}

export const voiceIsLocked: Refusal = {
  code: 'cannot_update_voice',
  message: "Cannot update a conversation's voice if assistant audio is present.",
  param: null,
}

export const alreadyActive = (responseId: string): Refusal => ({
  code: 'conversation_already_has_active_response',
  message: `Conversation already has an active response in progress: ${responseId}. Wait until the response is finished before creating a new one.`,
  param: null,
})

export const nothingToCancel: Refusal = {
  code: 'response_cancel_not_active',
  message: 'Cancellation failed: no active response found',
  param: null,
}

export const MIN_COMMIT_MS = 100

export const tooLittleAudio = (audioMs: number): Refusal => ({
  code: 'input_audio_buffer_commit_empty',
  message: `Error committing input audio buffer: buffer too small. Expected at least ${MIN_COMMIT_MS}ms of audio, but buffer only has ${audioMs.toFixed(2)}ms of audio.`,
  param: null,
})

/** Seen with code null. */
export const shorterAlready = (audioMs: number, askedMs: number): Refusal => ({
  code: null,
  message: `Audio content of ${Math.floor(audioMs)}ms is already shorter than ${askedMs}ms`,
  param: null,
})

export const onlyModelAudio: Refusal = {
  code: null,
  message: 'Only model output audio messages can be truncated',
  param: null,
}

export const unknownCall = (callId: string): Refusal => ({
  code: 'invalid_tool_call_id',
  message: `Tool call ID '${callId}' not found in conversation.`,
  param: null,
})

export const notTranscribed = {
  type: 'server_error',
  code: 'audio_unintelligible',
  message: 'The audio could not be transcribed.',
  param: null,
}

export const SESSION_EXPIRED = 'Your session hit the maximum duration of 60 minutes.'

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  )
}

const kindOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
