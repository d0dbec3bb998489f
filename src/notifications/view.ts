// PURE. What the summary mail says of one conversation: every text in it, cleaned, cut to its limit and in the clinic's own
// time. Subject and preheader show on locked screens, so they tell of the clinic and the hour and never of a patient.
import type { CallSummaryProps } from '../../emails/call-summary.tsx'
import type { Tone } from '../../emails/theme.ts'
import type { Analysis, CallOutcome, Urgency } from '../conversations/analysis.ts'
import type { ConversationEvent, FactOf } from '../conversations/events.ts'
import type { Facts } from '../conversations/merge.ts'
import { isRecordingSettled, type Missing, missing } from '../conversations/readiness.ts'
import type { Conversation } from '../conversations/store.ts'
import type { Turn } from '../conversations/transcript.ts'
import { languageName } from '../lib/languages.ts'
import { isE164 } from '../lib/phone.ts'
import { emergencyOf, otherNumber, purposeOf, transfersOf, withoutConversation } from './line-view.ts'

export type SummaryMaterial = {
  clinic: { name: string; timeZone: string }
  conversation: Pick<
    Conversation,
    'direction' | 'fromNumber' | 'toNumber' | 'startedAt' | 'answeredAt' | 'durationMs' | 'callStatus'
  >
  facts: Facts
  events: readonly ConversationEvent[]
  turns: readonly Turn[]
  analysis: Analysis | null
}

/** Sizes in bytes of escaped HTML. Gmail cuts a mail at about 102 kB; all of these together stay well below 80. */
export const summaryLimits = {
  nameBytes: 240,
  lineBytes: 600,
  summaryBytes: 3_000,
  messageBytes: 2_000,
  messages: 3,
  followUps: 8,
  notes: 3,
  turnBytes: 1_500,
  transcriptBytes: 36_000,
  /** The markup around one turn. */
  turnMarkupBytes: 550,
} as const

export function summaryView(material: SummaryMaterial): CallSummaryProps {
  const { clinic, conversation, facts, analysis } = material
  const clinicName = words(clinic.name, summaryLimits.nameBytes)
  const messages = messagesOf(material.events)
  const urgency = facts.isEmergency ? 'emergency' : urgencyOf(analysis, messages)
  const time = localTime(conversation.startedAt, clinic.timeZone)
  const duration = durationText(conversation.durationMs)
  const { turns, omitted } = shorten(material)
  return {
    subject: `${subjectMark(urgency)}Call summary: ${clinicName} · ${time.short}`,
    preheader: `One call, ${duration}: what was said, and what is left to do.`,
    clinicName,
    headline: `Call ${conversation.direction === 'outbound' ? 'to' : 'from'} ${callerOf(material, messages)}`,
    byline: `${time.long} · ${duration}`,
    badges: badgesOf(material, urgency),
    missing: missing(facts).map((what) => missingText(what, facts)),
    summary: analysis === null ? withoutAnalysis(facts) : words(analysis.summary, summaryLimits.summaryBytes),
    followUps: linesOf(analysis?.followUps ?? [], summaryLimits.followUps),
    messages: messages.slice(0, summaryLimits.messages).map(messageView),
    details: detailsOf(material, messages),
    turns,
    omitted,
  }
}

type MessageTaken = FactOf<'message.taken'>

/** In the order in which they were taken, whatever order they arrived in. */
const messagesOf = (events: readonly ConversationEvent[]): MessageTaken[] =>
  events
    .toSorted((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1))
    .map(({ fact }) => fact)
    .filter((fact) => fact.kind === 'message.taken')

/** A message that the caller called urgent makes the call urgent, whatever the model thought of it. */
function urgencyOf(analysis: Analysis | null, messages: readonly MessageTaken[]): Urgency | null {
  const found = analysis?.urgency ?? null
  const isUrgentMessage = messages.some(({ isUrgent }) => isUrgent)
  return isUrgentMessage && found !== 'emergency' ? 'urgent' : found
}

function subjectMark(urgency: Urgency | null): string {
  return urgency === 'emergency' || urgency === 'urgent' ? `[${urgencyBadges[urgency].label}] ` : ''
}

const urgencyBadges: Record<Urgency, { label: string; tone: Tone }> = {
  routine: { label: 'Routine', tone: 'calm' },
  soon: { label: 'Soon', tone: 'note' },
  urgent: { label: 'Urgent', tone: 'warn' },
  emergency: { label: 'Emergency', tone: 'alarm' },
}

const outcomeLabels: Record<CallOutcome, string> = {
  'message-taken': 'Message taken',
  'question-answered': 'Question answered',
  'appointment-booked': 'Appointment booked',
  'appointment-changed': 'Appointment changed',
  'appointment-cancelled': 'Appointment cancelled',
  transferred: 'Transferred',
  unresolved: 'Not resolved',
  'caller-left': 'Caller hung up',
}

function badgesOf(
  { facts, analysis, conversation }: SummaryMaterial,
  urgency: Urgency | null,
): CallSummaryProps['badges'] {
  const badges: CallSummaryProps['badges'] = []
  if (urgency !== null) badges.push(urgencyBadges[urgency])
  if (analysis !== null) badges.push({ label: outcomeLabels[analysis.outcome], tone: 'note' })
  if (voicemailOf(facts) !== null) badges.push({ label: 'Voicemail', tone: 'note' })
  if (conversation.answeredAt === null) badges.push({ label: 'Not answered', tone: 'warn' })
  return badges
}

function callerOf({ analysis, conversation }: SummaryMaterial, messages: readonly MessageTaken[]): string {
  const name = words(analysis?.callerName ?? messages[0]?.callerName ?? '', summaryLimits.nameBytes)
  return name === '' ? numberText(otherNumber(conversation)) : name
}

const numberText = (number: string | null): string => (number !== null && isE164(number) ? number : 'a withheld number')

function missingText(what: Missing, facts: Facts): string {
  switch (what) {
    case 'end':
      return 'The end of the call had not been reported.'
    case 'words':
      return 'Some of the words were still on their way.'
    case 'recording':
      return 'The recording had not arrived.'
    case 'analysis':
      return facts.analysis === null ? 'The summary was not ready.' : 'The summary could not be made.'
  }
}

/** What can be said of a call that nobody has summed up. */
function withoutAnalysis(facts: Facts): string {
  const because = withoutConversation(facts)
  if (because !== null) return because
  const voicemail = voicemailOf(facts)
  if (voicemail !== null) return `The caller left a voicemail (${durationText(voicemail.durationMs)}).`
  if (facts.voicemailOfferedAtMs !== null) return 'The caller was offered to leave a voicemail, and left none.'
  if (facts.analysis?.state === 'skipped') return 'The caller said nothing.'
  return 'There is no summary of this call; what was said is below.'
}

const voicemailOf = (facts: Facts) =>
  Object.values(facts.recordings).find(({ isVoicemail, status }) => isVoicemail && status === 'completed') ?? null

const messageView = ({ message, callerName, callbackNumber, forWhom, isUrgent }: MessageTaken) => ({
  text: words(message, summaryLimits.messageBytes),
  about: [
    `From ${words(callerName, summaryLimits.nameBytes) || 'the caller'}`,
    ...(callbackNumber === null ? [] : [`call back ${words(callbackNumber, summaryLimits.nameBytes)}`]),
    ...(forWhom === null ? [] : [`for ${words(forWhom, summaryLimits.nameBytes)}`]),
  ].join(' · '),
  isUrgent,
})

function detailsOf(material: SummaryMaterial, messages: readonly MessageTaken[]): CallSummaryProps['details'] {
  const { analysis, conversation, events, facts } = material
  const notes = events.flatMap(({ fact }) => (fact.kind === 'warning' ? [fact.text] : [])).toSorted()
  const details: [term: string, fact: string | null][] = [
    ['Caller', analysis?.callerName ?? messages[0]?.callerName ?? null],
    ['Number', numberText(otherNumber(conversation))],
    ['Why we called', purposeOf(events)],
    ['Emergency', emergencyOf(events)],
    ['Put through to', transfersOf(events, facts)],
    ['Call back', analysis?.callbackNumber ?? null],
    ['Reason', analysis?.reason ?? null],
    ['Language', languageOf(material)],
    ['Recording', recordingText(facts)],
    ['More messages', messages.length > summaryLimits.messages ? `${messages.length} in all` : null],
    ...linesOf(notes, summaryLimits.notes).map((note): [string, string] => ['Note', note]),
  ]
  return details.flatMap(([term, fact]) => {
    const text = words(fact ?? '', summaryLimits.lineBytes)
    return text === '' ? [] : [{ term, fact: text }]
  })
}

/** What was spoken, as the call itself has it, or else as the analysis read it. */
function languageOf({ facts, analysis }: SummaryMaterial): string | null {
  const tag = facts.language?.tag ?? analysis?.language
  return tag === undefined ? null : languageName(tag)
}

function recordingText(facts: Facts): string {
  const kept = Object.values(facts.recordings).filter(({ status }) => status === 'completed')
  if (kept.length > 0) return kept.map(({ durationMs }) => durationText(durationMs)).join(' and ')
  if (!isRecordingSettled(facts)) return 'Not arrived yet'
  const wasAsked = facts.isRecordingRefused || Object.keys(facts.recordings).length > 0
  return wasAsked ? 'Could not be made' : 'Not recorded'
}

/** `short` as in a subject: Tue 24 Nov, 10:14. `long` with year and zone. Names are put together here, not by the locale. */
function localTime(instant: Date, timeZone: string): { short: string; long: string } {
  const named = (options: Intl.DateTimeFormatOptions): Record<string, string> =>
    Object.fromEntries(
      new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...options })
        .formatToParts(instant)
        .map(({ type, value }) => [type, value]),
    )
  const clock = named({ hour: '2-digit', minute: '2-digit' })
  const short = named({ weekday: 'short', day: 'numeric', month: 'short' })
  const long = named({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZoneName: 'short' })
  const time = `${clock.hour}:${clock.minute}`
  return {
    short: `${short.weekday} ${short.day} ${short.month}, ${time}`,
    long: `${long.weekday} ${long.day} ${long.month} ${long.year}, ${time} ${long.timeZoneName}`,
  }
}

function durationText(durationMs: number | null): string {
  if (durationMs === null) return 'length unknown'
  const seconds = Math.round(durationMs / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The beginning and the end of a long conversation; what was in between is counted. */
function shorten({ turns, conversation }: SummaryMaterial): Pick<CallSummaryProps, 'turns' | 'omitted'> {
  const beganAtMs = (conversation.answeredAt ?? conversation.startedAt).getTime()
  const views = turns.map(({ speaker, text, unheard, startedAtMs }) => ({
    at: offsetText(startedAtMs - beganAtMs),
    speaker,
    text: words(text, summaryLimits.turnBytes),
    unheard: unheard === '' ? null : words(unheard, summaryLimits.turnBytes),
  }))
  const costOf = ({ text, unheard }: (typeof views)[number]): number =>
    summaryLimits.turnMarkupBytes + htmlBytes(text) + htmlBytes(unheard ?? '')
  let left = summaryLimits.transcriptBytes
  if (views.reduce((sum, view) => sum + costOf(view), 0) <= left) return { turns: views, omitted: null }

  let head = 0
  for (const view of views) {
    if (left - costOf(view) < summaryLimits.transcriptBytes / 2) break
    left -= costOf(view)
    head++
  }
  let tail = views.length
  for (const view of views.slice(head).toReversed()) {
    if (costOf(view) > left) break
    left -= costOf(view)
    tail--
  }
  return { turns: [...views.slice(0, head), ...views.slice(tail)], omitted: { count: tail - head, after: head } }
}

function offsetText(offsetMs: number): string {
  const seconds = Math.max(0, Math.floor(offsetMs / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const linesOf = (lines: readonly string[], most: number): string[] =>
  lines
    .map((line) => words(line, summaryLimits.lineBytes))
    .filter((line) => line !== '')
    .slice(0, most)

/** Control characters, and the marks that turn the direction of writing. */
const unseen = /[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/gu
/** No address that a caller or a model came up with becomes something to click on. */
const addresses = /\b(?:https?:\/\/|www\.)\S+/gi

/** Text as it may stand in the mail: one line, plain characters, no web address, at most `maxBytes` of escaped HTML. */
function words(text: string, maxBytes: number): string {
  const plain = text.replace(addresses, '[link]').replace(unseen, ' ').replace(/\s+/g, ' ').trim()
  if (htmlBytes(plain) <= maxBytes) return plain
  let bytes = htmlBytes('…')
  let kept = ''
  for (const character of plain) {
    bytes += htmlBytes(character)
    if (bytes > maxBytes) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

const escapedBytes: Record<string, number> = { '&': 5, '<': 4, '>': 4, '"': 6, "'": 6 }

function htmlBytes(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += escapedBytes[character] ?? (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4)
  }
  return bytes
}
