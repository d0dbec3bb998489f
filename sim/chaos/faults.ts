// PURE. The faults that a call can be put through, as data: what each is called, what it takes, and what Twilio or another
// vendor really does that it stands for. Reads and writes both ways in which faults are given: a comma list, and JSON.
// Says nothing of what a fault strikes: that is drawn from them and a seed (schedule.ts).
import { z } from 'zod'
import { Mistake } from '../mistake.ts'
import { longestDelayMs, longestSlownessMs, type Parameter, parameters } from './parameters.ts'

export type FaultName = keyof typeof catalog

type Entry = {
  takes: Parameter
  /** What really happens, for whoever reads the list. */
  standsFor: string
  /** `process`: needs a server, or a database, that can be stopped, and so real time. */
  strikes: 'callbacks' | 'webhooks' | 'sockets' | 'mail' | 'process'
}

export const catalog = {
  reorder: {
    takes: parameters.none,
    strikes: 'callbacks',
    standsFor:
      'Twilio fires events in order, but each travels as a request of its own and nothing is promised about arrival. Half of the callbacks are held for up to 10 s, so that later ones overtake them.',
  },
  duplicate: {
    takes: parameters.share,
    strikes: 'callbacks',
    standsFor:
      'A request whose answer was lost is made again: by a proxy, or by Twilio with rc and rp in the URL. This share of the callbacks comes twice, up to 5 s apart, and of the webhooks twice in a row; the same token, the same signature.',
  },
  delay: {
    takes: parameters.span,
    strikes: 'callbacks',
    standsFor: `Callbacks come seconds late, recordings of long calls minutes. Each is late by its own part of the range (${longestDelayMs / 60_000} min at most). Who answered is told in time: what is said hangs on it.`,
  },
  drop: {
    takes: parameters.callbacks,
    strikes: 'callbacks',
    standsFor:
      'Twilio documents no retry of a callback beyond the one for a connection that failed: after that it is lost. These never come.',
  },
  early: {
    takes: parameters.none,
    strikes: 'callbacks',
    standsFor:
      'A callback can beat the REST answer, the frame on the media socket or the request that caused it: they travel apart. It leaves at once, and what else tells of its cause waits until it is answered.',
  },
  'bad-signature': {
    takes: parameters.none,
    strikes: 'webhooks',
    standsFor:
      'A public URL can be requested by anybody. Before each request comes a forged one, with the signature of the true one and other content: of another call, or with another end of this one.',
  },
  'slow-webhook': {
    takes: parameters.duration,
    strikes: 'webhooks',
    standsFor: `A server far away or out of breath answers late. Each TwiML answer is so late; Twilio gives up after 15 s, so ${longestSlownessMs / 1000} s at most.`,
  },
  'late-audio': {
    takes: parameters.duration,
    strikes: 'sockets',
    standsFor:
      'Twilio keeps audio in a buffer before it sounds; for how long is not published. Whatever comes into an empty buffer sounds so much later, so that a clock tells less than marks do of what was heard.',
  },
  'ws-cut': {
    takes: parameters.instants,
    strikes: 'sockets',
    standsFor:
      'The media socket breaks without a close frame: a proxy restarts, a network goes. Twilio logs 31921 and goes on with the TwiML (inferred from its documents).',
  },
  'model-cut': {
    takes: parameters.instants,
    strikes: 'sockets',
    standsFor: 'The socket to OpenAI breaks without a close frame. Nothing of the session survives there.',
  },
  'model-expires': {
    takes: parameters.instants,
    strikes: 'sockets',
    standsFor: 'OpenAI ends the session as one that is too old: an error, session_expired, and a close frame.',
  },
  'model-refuses': {
    takes: parameters.count,
    strikes: 'sockets',
    standsFor:
      'OpenAI is overloaded: so many times it answers 503 to whoever opens a socket after the first one. It shows only where a session is lost.',
  },
  'mail-timeout': {
    takes: parameters.none,
    strikes: 'mail',
    standsFor:
      'Resend takes the message, and its answer is lost. A second message would be a second mail, unless it comes with the same key and the same bytes.',
  },
  crash: {
    takes: parameters.instants,
    strikes: 'process',
    standsFor: 'The process that has the call is killed (kill -9): out of memory, or a machine is lost.',
  },
  deploy: {
    takes: parameters.instants,
    strikes: 'process',
    standsFor: 'A new version is started, and the old one told to end (SIGTERM), while the call is up.',
  },
  'db-restart': {
    takes: parameters.instants,
    strikes: 'process',
    standsFor:
      'Postgres restarts: an update, or a failover. Every connection breaks, and new ones are refused for a moment.',
  },
} as const satisfies Record<string, Entry>

export const faultNames = Object.keys(catalog) as FaultName[]

type Fields<N extends FaultName> = (typeof catalog)[N]['takes']['fields']
type Taken<N extends FaultName> = { [F in keyof Fields<N>]: z.infer<Fields<N>[F]> }
/** A fault with its parameters; times in ms, those of cuts and crashes after the call was placed. */
export type Fault = { [N in FaultName]: { fault: N } & Taken<N> }[FaultName]

/** `reorder,duplicate=0.3,ws-cut@12s`. Throws a Mistake that names what is wrong and what there is. */
export function parseFaults(text: string): Fault[] {
  const faults = text.split(',').map((each) => parseFault(each.trim()))
  return eachOnce(faults)
}

function parseFault(text: string): Fault {
  const [, name = '', given = ''] = /^([^=@]*)(.*)$/s.exec(text) ?? []
  const { takes } = catalog[nameOf(name)]
  const value = takes.read(given)
  if (value === null) throw new Mistake(`--chaos ${text}: ${takes.remedy(name)}`)
  return checked({ fault: name, ...value }, `--chaos ${text}`)
}

function nameOf(name: string): FaultName {
  const known = faultNames.find((each) => each === name)
  if (known === undefined)
    throw new Mistake(`--chaos: there is no fault "${name}". There are ${faultNames.join(', ')}; see --chaos help`)
  return known
}

/** The list that parses to these faults. */
export const formatFaults = (faults: readonly Fault[]): string =>
  faults.map((fault) => `${fault.fault}${(catalog[fault.fault].takes as Parameter).write(fault)}`).join(',')

/** Of JSON that somebody wrote: `[{ "fault": "duplicate", "share": 0.3 }]`. Throws a Mistake. */
export function readFaults(json: unknown, where: string): Fault[] {
  if (!Array.isArray(json)) throw new Mistake(`${where}: faults is not a list`)
  return eachOnce(json.map((each, place) => checked(each, `${where}: faults[${place}]`)))
}

function checked(given: unknown, where: string): Fault {
  const { fault: name } = (given ?? {}) as { fault?: unknown }
  const { takes } = catalog[nameOf(String(name))]
  const fields: z.ZodRawShape = takes.fields
  const read = z.strictObject({ fault: z.literal(String(name)), ...fields }).safeParse(given)
  const [issue] = read.success ? [] : read.error.issues
  if (issue !== undefined)
    throw new Mistake(`${where}: ${issue.path.join('.')} ${issue.message}. ${takes.remedy(String(name))}`)
  const fault = read.data as Fault
  if (fault.fault === 'delay' && fault.fromMs > fault.toMs)
    throw new Mistake(`${where}: fromMs is more than toMs. ${takes.remedy(fault.fault)}`)
  return fault
}

function eachOnce(faults: Fault[]): Fault[] {
  const names = faults.map(({ fault }) => fault)
  const again = names.find((name, place) => names.indexOf(name) < place)
  if (again !== undefined) throw new Mistake(`--chaos: ${again} is given twice; several values of one are joined by +`)
  return faults
}

/** What `--chaos help` tells. */
export const faultsHelp = (): string =>
  faultNames
    .map((name) => {
      const { takes, standsFor }: Entry = catalog[name]
      const usual = takes.usual === undefined ? '' : `  (without a value ${takes.usual})`
      return `${name}${takes.shown}${usual}\n${wrap(standsFor)}`
    })
    .join('\n')

const wrap = (text: string): string =>
  (text.match(/.{1,92}( |$)/g) ?? []).map((line) => `    ${line.trim()}`).join('\n')
