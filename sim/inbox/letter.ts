// What Resend takes for an e-mail, and what it says of one that it does not take.
// Sources: resend.com/docs/api-reference/emails/send-email, send-batch-emails; resend.com/docs/dashboard/emails/tags.
import { type ApiError, errors } from './errors.ts'

export type Letter = {
  from: string
  to: string[]
  cc: string[]
  bcc: string[]
  replyTo: string[]
  subject: string
  html: string | null
  text: string | null
  tags: { name: string; value: string }[]
}

type Read = { letters: Letter[] } | { error: ApiError }

const maxRecipients = 50
const maxBatch = 100
const maxTags = 75
const maxTagChars = 256

export const readLetter = (body: string): Read => {
  const fields = parse(body)
  if (!isRecord(fields)) return { error: errors.invalid('The request body must be a JSON object.') }
  const letter = letterOf(fields)
  return 'statusCode' in letter ? { error: letter } : { letters: [letter] }
}

/** All or nothing, as in Resend's strict mode, which is its default. */
export const readLetters = (body: string): Read => {
  const list = parse(body)
  if (!Array.isArray(list) || list.length === 0)
    return { error: errors.invalid('The request body must be a JSON array.') }
  if (list.length > maxBatch) return { error: errors.invalid(`A batch can hold at most ${maxBatch} emails.`) }
  const letters: Letter[] = []
  for (const fields of list) {
    const letter = isRecord(fields) ? letterOf(fields) : errors.invalid('Each email must be a JSON object.')
    if ('statusCode' in letter) return { error: letter }
    letters.push(letter)
  }
  return { letters }
}

function letterOf(fields: Record<string, unknown>): Letter | ApiError {
  const { from, subject, html, text } = fields
  for (const field of ['from', 'to', 'subject']) {
    if (fields[field] === undefined || fields[field] === '') return errors.missingField(field)
  }
  if (html === undefined && text === undefined) return errors.invalid('Missing `html` or `text` field.')
  if (typeof from !== 'string' || !isAddress(from)) return errors.invalidFrom
  if (typeof subject !== 'string' || /[\r\n]/.test(subject)) return errors.invalid('Invalid `subject` field.')
  if (!isTextOrAbsent(html) || !isTextOrAbsent(text)) return errors.invalid('`html` and `text` must be strings.')

  const recipients: Record<'to' | 'cc' | 'bcc' | 'reply_to', string[]> = { to: [], cc: [], bcc: [], reply_to: [] }
  for (const field of ['to', 'cc', 'bcc', 'reply_to'] as const) {
    const addresses = asList(fields[field])
    if (!addresses.every((one): one is string => typeof one === 'string' && isAddress(one)))
      return invalidAddress(field)
    recipients[field] = addresses
  }
  if (recipients.to.length === 0) return errors.missingField('to')
  if (recipients.to.length > maxRecipients) return errors.invalid(`\`to\` can hold at most ${maxRecipients} addresses.`)

  const tags = asList(fields.tags)
  if (tags.length > maxTags || !tags.every(isTag)) {
    return errors.invalid('Tags should only contain ASCII letters, numbers, underscores, or dashes.')
  }
  const { to: sendTo, cc, bcc, reply_to: replyTo } = recipients
  return { from, to: sendTo, cc, bcc, replyTo, subject, html: html ?? null, text: text ?? null, tags }
}

const invalidAddress = (field: string): ApiError =>
  errors.invalid(
    `Invalid \`${field}\` field. The email address needs to follow the \`email@example.com\` or \`Name <email@example.com>\` format.`,
  )

const bare = /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/
const named = /^[^<>\r\n]*<([^<>]+)>$/
const isAddress = (value: string): boolean => bare.test(named.exec(value.trim())?.[1] ?? value.trim())

const tagText = new RegExp(`^[A-Za-z0-9_-]{1,${maxTagChars}}$`)
const isTag = (tag: unknown): tag is { name: string; value: string } =>
  isRecord(tag) &&
  typeof tag.name === 'string' &&
  typeof tag.value === 'string' &&
  tagText.test(tag.name) &&
  tagText.test(tag.value)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTextOrAbsent = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'
const asList = (value: unknown): unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
