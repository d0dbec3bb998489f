// PURE. The rules of what is kept and sent: one row with the right columns, the recordings, exactly the expected mail, after
// everything else, and nothing of it in another clinic.
import { type Case, type Finding, instant, type Rule, type ServerView } from './case.ts'
import { isLike } from './likeness.ts'

/** Twilio tells times in whole seconds, and a status takes its way. */
const SECONDS_MS = 2_000
const terminal = ['completed', 'busy', 'failed', 'no-answer', 'canceled']

export const routedAsExpected: Rule = {
  name: 'a call for a clinic is its, and a call for nobody leaves nothing but the miss',
  check({ server, fixture, model, carrier }) {
    if (fixture.expect.isRouted) {
      if (server === null || server.conversation !== null) return []
      return [{ explanation: `There is no conversation for the call${server.isUnrouted ? ': it was not routed' : ''}` }]
    }
    const findings: Finding[] = []
    if (server !== null && server.conversation !== null)
      findings.push({ explanation: 'No clinic has the number, but there is a conversation' })
    if (server !== null && !server.isUnrouted) findings.push({ explanation: 'The miss was not kept for the operator' })
    if (carrier.streams.length > 0) findings.push({ explanation: 'No clinic has the number, but a stream was opened' })
    if (model.sessions.length > 0) findings.push({ explanation: 'No clinic has the number, but the model was called' })
    return findings
  },
}

export const rowIsTrue: Rule = {
  name: 'the conversation’s row says of the call what the carrier knows',
  check({ server, carrier }) {
    const row = server?.conversation
    if (row == null) return []
    const differs = (name: string, wanted: unknown): Finding[] =>
      row[name] === wanted ? [] : [{ explanation: `Column ${name} is ${shown(row[name])}, not ${shown(wanted)}` }]
    const isNear = (name: string, fromMs: number | null, toMs: number | null): Finding[] => {
      const atMs = instant(row[name])
      if (fromMs === null || toMs === null) return []
      if (atMs !== null && atMs >= fromMs - SECONDS_MS && atMs <= toMs + SECONDS_MS) return []
      return [
        { explanation: `Column ${name} is ${shown(row[name])}, but it happened ${new Date(fromMs).toISOString()}` },
      ]
    }
    const streamedAtMs = carrier.streams.find(({ startedAtMs }) => startedAtMs !== null)?.startedAtMs ?? null
    const lastsMs =
      carrier.endedAtMs === null || carrier.answeredAtMs === null ? null : carrier.endedAtMs - carrier.answeredAtMs
    const durationMs = Number(row.duration_ms)
    // Answered is when the stream starts: what the carrier itself says before that may count, or not.
    const leastMs = carrier.endedAtMs !== null && streamedAtMs !== null ? carrier.endedAtMs - streamedAtMs : 0
    const isWrongLength =
      lastsMs !== null && !(durationMs >= leastMs - SECONDS_MS && durationMs <= lastsMs + SECONDS_MS)
    return [
      ...differs('session_id', `twilio_${carrier.callSid}`),
      ...differs('call_sid', carrier.callSid),
      ...differs('from_number', carrier.from),
      ...differs('to_number', carrier.to),
      ...differs('call_status', carrier.status),
      ...(terminal.includes(String(row.call_status))
        ? []
        : [{ explanation: `The status ${shown(row.call_status)} is not one that a call ends with` }]),
      ...isNear('started_at', carrier.ringingAtMs, carrier.ringingAtMs),
      ...isNear('answered_at', streamedAtMs === null ? null : carrier.answeredAtMs, streamedAtMs),
      ...isNear('ended_at', carrier.endedAtMs, carrier.endedAtMs),
      ...(isWrongLength
        ? [{ explanation: `Column duration_ms is ${shown(row.duration_ms)}, but the call lasted ${lastsMs} ms` }]
        : []),
    ]
  },
}

export const rowAsExpected: Rule = {
  name: 'the conversation’s row is as the fixture expects',
  check: ({ server, fixture }) =>
    Object.entries(fixture.expect.row).flatMap(([name, wanted]) => {
      if (server?.conversation == null) return []
      const kept =
        typeof wanted === 'object' && /^\d+$/.test(String(server.conversation[name]))
          ? Number(server.conversation[name])
          : server.conversation[name]
      return isLike(kept, wanted) ? [] : [{ explanation: `Column ${name} is ${shown(kept)}, not ${shown(wanted)}` }]
    }),
}

export const recordingsKept: Rule = {
  name: 'every recording that the carrier finished is in the clinic’s keeping',
  check(given) {
    if (given.server === null) return []
    const voicemails = given.server.recordings.filter(({ is_voicemail }) => is_voicemail === true).length
    const wanted = given.fixture.expect.voicemails ?? 0
    return [
      ...judgeRecordings(given),
      ...(voicemails === wanted ? [] : [{ explanation: `${voicemails} messages were left on tape, not ${wanted}` }]),
    ]
  },
}

/** However many there are: each that was finished is kept. */
export function judgeRecordings({ server, carrier }: Case): Finding[] {
  const isLost = ({ recordingSid }: Case['carrier']['recordings'][number]): boolean => {
    const row = server?.recordings.find(({ recording_sid }) => recording_sid === recordingSid)
    return server !== null && (row?.status !== 'completed' || row.stored_as == null || !(Number(row.bytes) > 0))
  }
  return carrier.recordings
    .filter((recording) => recording.status === 'completed' && isLost(recording))
    .map(({ recordingSid }) => ({ explanation: `Recording ${recordingSid} was not fetched and kept` }))
}

export const exactlyTheMail: Rule = {
  name: 'exactly the expected e-mails are sent, each once and to the right people',
  check: (given) => judgeMails(given, { isWorded: true }),
}

/** `isWorded`: what they say is judged, too. */
export function judgeMails({ inbox, fixture, server }: Case, { isWorded }: { isWorded: boolean }): Finding[] {
  const { emails } = fixture.expect
  const findings: Finding[] = []
  if (inbox.messages.length !== emails.length)
    findings.push({ explanation: `${inbox.messages.length} e-mails were sent, not ${emails.length}` })
  emails.forEach((wanted, index) => {
    const mail = inbox.messages[index]
    if (mail === undefined) return
    if ([...mail.to].sort().join() !== [...wanted.to].sort().join())
      findings.push({
        explanation: `E-mail ${index + 1} went to others than it should`,
        evidence: { wanted: wanted.to, kept: mail.to },
      })
    if (isWorded && wanted.subject !== undefined && mail.subject !== wanted.subject)
      findings.push({ explanation: `The subject is ${shown(mail.subject)}, not ${shown(wanted.subject)}` })
    for (const text of isWorded ? (wanted.contains ?? []) : []) {
      if (!plain(mail.text).includes(plain(text)))
        findings.push({ explanation: `The text of e-mail ${index + 1} lacks ${shown(text)}` })
      if (!plain(unescaped(mail.html)).includes(plain(text)))
        findings.push({ explanation: `The HTML of e-mail ${index + 1} lacks ${shown(text)}` })
    }
    if (mail.idempotencyKey === null)
      findings.push({
        explanation: `E-mail ${index + 1} was sent without an idempotency key: a retry would send it twice`,
      })
  })
  const unsent = server?.emailDeliveries.filter(({ state }) => state !== 'sent') ?? []
  for (const { state } of unsent) findings.push({ explanation: `A delivery is ${shown(state)}, not sent` })
  return findings
}

const plain = (text: string): string => text.replace(/\s+/g, ' ')

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** The words of an HTML text, without its tags. */
const unescaped = (html: string): string =>
  html
    .replace(/<!--.*?-->|<[^>]*>/gs, '')
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, hex: string, code: string) =>
      String.fromCodePoint(Number.parseInt(code, hex === '' ? 10 : 16)),
    )
    .replace(/&([a-z]+);/g, (whole, name: string) => entities[name] ?? whole)

export const mailAfterEverything: Rule = {
  name: 'the mail goes out after everything that it tells, unless its deadline has passed',
  check({ inbox, server }) {
    if (server === null) return []
    const facts = server.events.filter(isTold)
    const deadlineAtMs = facts.find(({ kind }) => kind === 'deadline.passed')?.atMs ?? Number.POSITIVE_INFINITY
    return inbox.messages
      .filter(({ atMs }) => atMs < deadlineAtMs)
      .flatMap(({ id, atMs }) =>
        facts
          .filter((fact) => fact.atMs > atMs)
          .map(({ key, atMs: factAtMs }) => ({
            explanation: `E-mail ${id} left ${Math.round(factAtMs - atMs)} ms before ${key} was known`,
          })),
      )
  },
}

/** Not that a file was put away, nor a step on the way to an end that is known. */
function isTold({ kind, fact }: ServerView['events'][number]): boolean {
  switch (kind) {
    case 'email.sent':
    case 'recording.fetched':
    case 'stream.reported':
    case 'transfer.leg':
      return false
    case 'call.status':
    case 'recording.status':
      return [...terminal, 'absent'].includes(String(fact.status))
    default:
      return true
  }
}

export const wallsHold: Rule = {
  name: 'no other clinic has anything of the call',
  check({ server }) {
    const { otherOrganizationsTouched: touched = 0, keysOverAll = [] } = server ?? {}
    return [
      ...(touched === 0 ? [] : [{ explanation: `${touched} other organizations were written to` }]),
      ...keysOverAll.map((key) => ({
        explanation: `${key} is unique over all clinics: one could refuse another’s row`,
      })),
    ]
  },
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value)
