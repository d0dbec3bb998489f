// PURE. What went between the carrier and the server beside the sound: webhooks with their TwiML, callbacks with their
// sequence numbers and delays, REST requests, and what the carrier had to log.
import type { Evidence } from '../audit/case.ts'
import { everyLeg } from '../audit/legs.ts'
import type { Line } from '../console-layout.ts'
import { tellPerson, tellPutThrough } from '../console-people.ts'
import type { CarrierRecord } from '../record.ts'
import type { TraceEntry } from '../trace.ts'
import { chaosText, newsIn, objectOf, shortPath } from '../wording.ts'
import { type Happening, type Note, plain } from './happening.ts'
import { type Measured, sizeOf } from './sizes.ts'
import { told } from './spans.ts'

/** `entries`: with their instants on the clock. */
export function requestsOf({ carrier }: Evidence, entries: readonly TraceEntry[]): Happening[] {
  const legs = everyLeg(carrier)
  return [
    ...entries.filter(({ what }) => what === 'ringing').flatMap(callWord),
    ...legs.flatMap(({ documents }) => documents.map(webhook)),
    ...callbacks(legs.flatMap(({ deliveries }) => deliveries)),
    ...entries.filter(({ wire }) => wire === 'rest').flatMap(restRequest),
    ...entries.filter(({ wire }) => wire === 'chaos').map(struck),
    ...entries.filter(({ wire, what }) => wire === 'call' && what !== 'ringing').flatMap(callWord),
  ]
}

function webhook({ atMs, url, status, body, tookMs }: CarrierRecord['documents'][number]): Happening {
  return plain({
    lane: 'carrier',
    kind: 'webhook',
    route: 'Carrier → server',
    arrow: 'both',
    atMs,
    label: lastSegment(url),
    notes: [...answerNote(status), tookNote(tookMs, 'twiml')],
    isBad: !isFine(status),
    body: `${url}\n${body}`,
  })
}

function callbacks(deliveries: CarrierRecord['deliveries']): Happening[] {
  const known = new Set<string>()
  return inOrder(deliveries).map(({ causedAtMs, atMs, url, form, status, tookMs }) => {
    const content = url + JSON.stringify(form)
    const isRepeat = known.has(content)
    known.add(content)
    const delayMs = atMs - causedAtMs
    return plain({
      lane: 'carrier',
      kind: 'callback',
      route: 'Carrier → server',
      arrow: 'down',
      causedAtMs,
      atMs,
      label: [callbackName(url, form), ...newsIn(form)].join(' '),
      notes: [
        ...(form.SequenceNumber === undefined ? [] : [{ text: `#${form.SequenceNumber}`, size: null }]),
        { text: `+${told(delayMs)}`, size: sizeOf('callback', delayMs) },
        ...(isRepeat ? [{ text: 'again', size: 'noticeable' as const }] : []),
        ...answerNote(status),
        ...(tookMs < 1 ? [] : [tookNote(tookMs, 'callback')]),
      ],
      isBad: !isFine(status),
      body: [url, ...filled(form)].join('\n'),
    })
  })
}

/** By content where the instant is the same: which of two was answered first is nobody's intention. */
const inOrder = (deliveries: CarrierRecord['deliveries']): CarrierRecord['deliveries'] =>
  deliveries
    .map((delivery) => ({ delivery, content: delivery.url + JSON.stringify(delivery.form) }))
    .sort((a, b) => a.delivery.atMs - b.delivery.atMs || (a.content < b.content ? -1 : a.content > b.content ? 1 : 0))
    .map(({ delivery }) => delivery)

const callbackName = (url: string, form: Record<string, string>): string =>
  form.StreamEvent === undefined ? lastSegment(url) : ''

/** What is empty says nothing. */
const filled = (form: Record<string, string>): string[] =>
  Object.entries(form)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)

function struck(entry: TraceEntry): Happening {
  const label = chaosText(entry)
  return plain({ lane: 'carrier', kind: 'chaos', route: 'On purpose', arrow: 'down', atMs: entry.atMs, label })
}

/** Answers are told only where they refuse. */
function restRequest({ atMs, from, what, body }: TraceEntry): Happening[] {
  const isRequest = from === 'server'
  if (!isRequest && isFine(Number(what))) return []
  return [
    plain({
      lane: 'carrier',
      kind: 'rest',
      route: isRequest ? 'Server → carrier' : 'Carrier → server',
      arrow: isRequest ? 'up' : 'down',
      atMs,
      label: isRequest ? restName(what) : `REST answers ${what}`,
      isBad: !isRequest,
      body: `${shortPath(what)}\n${indented(body)}`.trim(),
    }),
  ]
}

/** `POST Recordings.json`, or `GET Recordings/RE12ab….wav`. */
function restName(what: string): string {
  const [method = '', ...segments] = shortPath(what).split(/[ /]+/)
  const isOne = /^[A-Z]{2}[0-9a-f]{4}/.test(segments.at(-1) ?? '')
  return `${method} ${segments.slice(isOne ? -2 : -1).join('/')}`
}

function callWord(entry: TraceEntry): Happening[] {
  const { atMs, from, to: party, what, body } = entry
  const isPersons = from === 'person' || party === 'person'
  if (isPersons) return what === 'say' && from === 'person' ? [] : toldByConsole('Person', tellPerson(entry), atMs)
  const word = (route: string, label: string, isBad = false) =>
    plain({ lane: 'call', kind: 'call', route, arrow: null, atMs, label, isBad })
  const { by, status, digits, text, problem, to } = objectOf(body)
  switch (what) {
    case 'ringing':
      return [word('Caller', `calls ${String(to)}`)]
    case 'answered':
      return [word('Carrier', 'answers')]
    case 'press':
      return [word('Caller', `presses ${String(digits)}`)]
    case 'hang-up':
      return [word('Caller', 'hangs up')]
    case 'gave up':
      return [word('Caller', String(problem), true)]
    case 'ended':
      return [word('Carrier', `the call is over: ${String(status)}, ended by the ${String(by)}`)]
    default:
      // Utterances are turns; everything else that the carrier says of a call is in its debugger.
      return from === 'carrier' && what.startsWith('problem ')
        ? [word('Carrier', `logs ${what.slice('problem '.length)}: ${String(text)}`)]
        : toldByConsole('Carrier', tellPutThrough(entry), atMs)
  }
}

/** As the console words it. */
const toldByConsole = (route: string, lines: Line[], atMs: number): Happening[] =>
  lines.map(({ label, text, tone }) => {
    const words = label === 'person' ? text : `${label}: ${text}`
    return plain({ lane: 'call', kind: 'call', route, arrow: null, atMs, label: words, isBad: tone === 'bad' })
  })

const isFine = (status: number): boolean => status >= 200 && status < 300

const answerNote = (status: number): Note[] =>
  isFine(status) ? [] : [{ text: status === 0 ? 'no answer' : String(status), size: 'long' }]

const tookNote = (tookMs: number, what: Measured): Note => ({ text: `in ${told(tookMs)}`, size: sizeOf(what, tookMs) })

const lastSegment = (url: string): string =>
  (URL.canParse(url) ? new URL(url).pathname : url).split('/').findLast((segment) => segment !== '') ?? url

const indented = (body: unknown): string => (body == null ? '' : JSON.stringify(body, null, 2))
