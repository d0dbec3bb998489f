// PURE. What is to be said of a call that is over: the row, the mail, how long people waited, and the verdict, with what to
// type to see it again.
import type { Evidence, Violation } from './audit/case.ts'
import type { Latencies, Waits } from './audit/latency.ts'
import { strikeText, touchesTalk } from './chaos/strikes.ts'
import type { Layout } from './console-layout.ts'
import { type Grade, scoreText } from './grading.ts'

export type Report = {
  seed: string
  evidence: Evidence
  violations: Violation[]
  latencies: Latencies
  /** Of a call with a real model: what it was graded for. */
  grades?: readonly Grade[] | undefined
  /** How many rules the auditor holds a call to, or what else it was graded for. */
  ruleCount: number
  /** What to type to place this very call again. */
  repeat: string
  /** Files that were written, if any. */
  saved?: string[]
}

type Row = [name: string, value: string]

export function reportText(report: Report, layout: Layout): string {
  return [
    ...conversation(report, layout),
    ...appointments(report, layout),
    ...transcript(report, layout),
    ...mail(report, layout),
    ...chaos(report, layout),
    ...waits(report.latencies, layout),
    ...files(report.saved ?? [], layout),
    ...verdict(report, layout),
  ].join('\n')
}

function conversation({ evidence: { server, carrier } }: Report, layout: Layout): string[] {
  if (server === null)
    return section(layout, 'Conversation', [
      ['call_sid', carrier.callSid],
      ['database', 'not seen: the server is not ours'],
    ])
  const row = server.conversation
  if (row === null)
    return section(layout, 'Conversation', [
      ['row', server.isUnrouted ? 'none; the miss is kept for the operator' : 'none'],
    ])
  const columns = [
    'session_id',
    'organization_id',
    'channel',
    'direction',
    'from_number',
    'to_number',
    'call_status',
    'started_at',
    'answered_at',
    'ended_at',
    'duration_ms',
  ]
  const recordings = server.recordings.map(
    ({ recording_sid, status, duration_ms, is_voicemail }): Row => [
      'recording',
      `${shown(recording_sid)}, ${shown(status)}, ${shown(duration_ms)} ms${is_voicemail === true ? ', a message on tape' : ''}`,
    ],
  )
  return section(layout, 'Conversation', [
    ...columns.map((name): Row => [name, shown(row[name])]),
    ...recordings,
    ...analysisRows(row.call_analysis),
  ])
}

/** What was made or changed, for whom, and when on the clinic's wall. */
function appointments({ evidence: { server } }: Report, layout: Layout): string[] {
  const clinic = server?.clinic
  if (clinic == null || clinic.appointments.length === 0) return []
  const rows = clinic.appointments.map(({ patientId, service, provider, starts, status }): Row => {
    const patient = clinic.patients.find((each) => each.patientId === patientId)
    return [status, `${service} with ${provider} for ${patient?.name}, ${dayOf(starts)} (${clinic.timeZone})`]
  })
  return section(layout, 'Appointments', rows)
}

/** What a real model says goes over no wire of ours: it is told afterwards, as the server wrote it down. */
function transcript({ grades, evidence: { server } }: Report, layout: Layout): string[] {
  const told = server?.conversation?.transcript
  if (grades === undefined || typeof told !== 'string' || told === '') return []
  return ['', layout.heading('Transcript'), ...told.split('\n').map((turn) => layout.text(turn, 'plain', 2))]
}

/** 2040-01-31 09:15 as Tue 31 Jan 2040, 09:15. */
function dayOf(starts: string): string {
  const [day = '', time = ''] = starts.split(' ')
  const said = new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', {
    timeZone: 'UTC',
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  })
  return `${said.replace(',', '')}, ${time}`
}

function analysisRows(value: unknown): Row[] {
  if (typeof value !== 'object' || value === null) return [['analysis', 'none']]
  const { summary, reason, outcome, urgency, followUps } = value as Record<string, unknown>
  const todo = Array.isArray(followUps) ? followUps.map((each): Row => ['follow-up', shown(each)]) : []
  return [
    ['analysis', shown(summary)],
    ['reason', shown(reason)],
    ['outcome', `${shown(outcome)}, ${shown(urgency)}`],
    ...todo,
  ]
}

function mail({ evidence: { inbox, server } }: Report, layout: Layout): string[] {
  if (server === null) return section(layout, 'E-mail', [['sent', 'not seen: the server is not ours']])
  const [first, ...others] = inbox.messages
  if (first === undefined) return section(layout, 'E-mail', [['sent', 'none']])
  const rows = [first, ...others].flatMap(({ to, subject }): Row[] => [
    ['to', to.join(', ')],
    ['subject', subject],
  ])
  return section(layout, others.length === 0 ? 'E-mail' : `E-mail, ${inbox.messages.length} messages`, rows)
}

/** What was done on purpose, how often; and what found nothing to strike. */
function chaos({ evidence }: Report, layout: Layout): string[] {
  const { struck = [], missed = [], forgeries = [] } = evidence.chaos ?? {}
  if (struck.length === 0 && missed.length === 0) return []
  const byFault = Map.groupBy(struck, ({ strike }) => strike.fault)
  const refused = forgeries.filter(({ status }) => status === 403).length
  return section(layout, 'Faults', [
    ...[...byFault].map(
      ([fault, times]): Row => [
        fault,
        fault === 'bad-signature'
          ? `${refused} of ${times.length} forged requests were refused`
          : times.map(({ strike }) => strikeText(strike).slice(fault.length + 1)).join(', '),
      ],
    ),
    ...missed.map((strike): Row => [strike.fault, `${strikeText(strike)} found nothing to strike`]),
  ])
}

const waitNames: Record<keyof Latencies, string> = {
  greeting: 'answer → agent first heard',
  reply: 'caller finished → agent heard',
  bargeIn: 'caller cuts in → agent silent',
  twiml: 'webhook → TwiML',
}

function waits(latencies: Latencies, layout: Layout): string[] {
  const names = ['greeting', 'reply', 'bargeIn', 'twiml'] as const
  return section(
    layout,
    'Waiting: median, longest',
    names.map((name): Row => [waitNames[name], waitText(latencies[name])]),
  )
}

const waitText = ({ count, p50Ms, maxMs }: Waits): string => {
  if (count === 0) return '–'
  return `${String(p50Ms).padStart(5)} ms ${String(maxMs).padStart(6)} ms   ${count === 1 ? 'once' : `${count} times`}`
}

const files = (saved: string[], layout: Layout): string[] =>
  saved.length === 0 ? [] : ['', layout.heading('Files'), ...saved.map((path) => layout.text(path, 'plain', 2))]

/** What a caller of one's own gets to hear is nobody's expectation; nor is what is said where the talk itself was struck. */
function whatHolds({ fixture: { isAltered, name }, chaos: done }: Evidence, ruleCount: number): string {
  if (isAltered) return `all ${ruleCount} rules hold that any call is held to`
  const isTalkStruck = touchesTalk(done?.struck.map(({ strike }) => strike) ?? [])
  const expected = isTalkStruck
    ? `what fixture ${name} expects whatever is said`
    : `everything that fixture ${name} expects`
  return `all ${ruleCount} rules hold, and ${expected}`
}

function verdict(report: Report, layout: Layout): string[] {
  const { violations, grades, ruleCount, seed, repeat, evidence } = report
  const again = layout.command(`seed ${seed} · again: ${repeat}`)
  if (violations.length === 0 && grades !== undefined) return ['', layout.text(`✔ ${scoreText(grades)}`, 'good'), again]
  if (violations.length === 0) return ['', layout.text(`✔ passed: ${whatHolds(evidence, ruleCount)}`, 'good'), again]
  const broken = new Set(violations.map(({ rule }) => rule))
  const told = [...broken].flatMap((rule) => [
    layout.text(`✘ ${rule}`, 'bad'),
    ...violations
      .filter((each) => each.rule === rule)
      .flatMap(({ explanation, evidence }) => [layout.text(explanation, 'plain', 2), ...details(layout, evidence)]),
  ])
  const sum = grades === undefined ? `failed: ${broken.size} of ${ruleCount} rules do not hold` : scoreText(grades)
  return ['', ...told, '', layout.text(`✘ ${sum}`, 'bad'), again]
}

const LONGEST_DETAIL = 300
const details = (layout: Layout, evidence: Violation['evidence']): string[] =>
  Object.entries(evidence ?? {}).map(([name, value]) =>
    layout.text(`${name}: ${shown(value).slice(0, LONGEST_DETAIL)}`, 'quiet', 2),
  )

function section(layout: Layout, title: string, rows: Row[]): string[] {
  const widest = Math.max(...rows.map(([name]) => name.length))
  return ['', layout.heading(title), ...rows.map(([name, value]) => layout.field(name, widest, value))]
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
