// PURE. What strikes what: drawn from faults and a seed, or read off a list. Each callback and each request draws by its own
// name, so that the same seed and faults give the same strikes whatever the timing.
import type { Random } from '../random.ts'
import type { Fixture } from '../script.ts'
import { catalog, type Fault, type FaultName } from './faults.ts'
import type { CallbackName } from './parameters.ts'
import { faultOf, type Strike, type TimedStrike } from './strikes.ts'

/** What was asked for: faults to draw from, or the strikes themselves. */
export type ChaosPlan = { faults: readonly Fault[] } | { strikes: readonly Strike[] }

/** Each of them once. */
export function faultNamesIn(plan: ChaosPlan): FaultName[] {
  return [...new Set('strikes' in plan ? plan.strikes.map(faultOf) : plan.faults.map(({ fault }) => fault))]
}

/** What a fixture is struck by, if by anything. */
export const planOf = ({ struck }: Pick<Fixture, 'struck'>): ChaosPlan | undefined =>
  struck === undefined ? undefined : { strikes: struck.strikes }

/** Which of its faults need processes that can be struck. */
export const processFaultsIn = (plan: ChaosPlan): FaultName[] =>
  faultNamesIn(plan).filter((name) => catalog[name].strikes === 'process')

export type Schedule = {
  /** `kinds`: by which of its names a fault may mean it. */
  onCallback(callback: string, kinds: readonly CallbackName[]): Strike[]
  /** `asks`: for TwiML, and not only to tell something. */
  onRequest(request: string, asks: boolean): Strike[]
  onStream(stream: string): Strike[]
  onMail(attempt: number): Strike[]
  /** The n-th socket to the model, from 1. */
  onHandshake(handshake: number): Strike[]
  timed: readonly TimedStrike[]
}

/** By how much a callback is held, so that others overtake it; and how far apart a callback and its double are. */
const REORDER_WITHIN_MS = 10_000
const REORDERED_SHARE = 0.5
const DOUBLE_WITHIN_MS = 5_000

export const scheduleOf = (plan: ChaosPlan, random: Random): Schedule =>
  'strikes' in plan ? listed(plan.strikes) : drawn(plan.faults, random)

function drawn(faults: readonly Fault[], random: Random): Schedule {
  return {
    onCallback(callback, kinds) {
      const strikes = faults.flatMap((fault) =>
        callbackStrikes(fault, { callback, kinds }, random.child(`${fault.fault} ${callback}`)),
      )
      const dropped = strikes.filter(({ fault }) => fault === 'drop')
      return dropped.length > 0 ? dropped : strikes
    },
    onRequest: (request, asks) =>
      faults.flatMap((fault) => requestStrikes(fault, request, asks, random.child(`${fault.fault} ${request}`))),
    onStream: (stream) =>
      faults.flatMap((fault) =>
        fault.fault === 'late-audio' ? [{ fault: fault.fault, stream, byMs: fault.byMs }] : [],
      ),
    onMail: (attempt) =>
      attempt === 1 && faults.some(({ fault }) => fault === 'mail-timeout') ? [{ fault: 'mail-timeout', attempt }] : [],
    onHandshake: (handshake) =>
      faults.some((fault) => fault.fault === 'model-refuses' && handshake > 1 && handshake <= 1 + fault.times)
        ? [{ fault: 'model-refuses', handshake }]
        : [],
    timed: faults.flatMap(timedStrikes),
  }
}

function timedStrikes(fault: Fault): TimedStrike[] {
  switch (fault.fault) {
    case 'ws-cut':
    case 'model-cut':
    case 'model-expires':
    case 'crash':
    case 'deploy':
    case 'db-restart':
      return fault.atMs.map((atMs) => ({ fault: fault.fault, atMs }))
    default:
      return []
  }
}

type Target = { callback: string; kinds: readonly CallbackName[] }

function callbackStrikes(fault: Fault, { callback, kinds }: Target, random: Random): Strike[] {
  const isDecisive = kinds.includes('detection')
  switch (fault.fault) {
    case 'reorder':
      if (isDecisive || random.next() >= REORDERED_SHARE) return []
      return [{ fault: 'reorder', callback, byMs: random.int(1, REORDER_WITHIN_MS) }]
    case 'delay':
      return isDecisive ? [] : [{ fault: 'delay', callback, byMs: random.int(fault.fromMs, fault.toMs) }]
    case 'duplicate':
      return random.next() < fault.share
        ? [{ fault: 'duplicate', callback, afterMs: random.int(0, 1) * random.int(0, DOUBLE_WITHIN_MS) }]
        : []
    case 'drop':
      return fault.callbacks.some((name) => kinds.includes(name)) ? [{ fault: 'drop', callback }] : []
    case 'early':
      return [{ fault: 'early', callback }]
    default:
      return []
  }
}

function requestStrikes(fault: Fault, request: string, asks: boolean, random: Random): Strike[] {
  switch (fault.fault) {
    case 'bad-signature':
      return [{ fault: 'bad-signature', request }]
    case 'duplicate':
      return asks && random.next() < fault.share ? [{ fault: 'repeat', request }] : []
    case 'slow-webhook':
      return asks ? [{ fault: 'slow-webhook', request, byMs: fault.byMs }] : []
    default:
      return []
  }
}

function listed(strikes: readonly Strike[]): Schedule {
  return {
    onCallback: (callback) => strikes.filter((strike) => 'callback' in strike && strike.callback === callback),
    onRequest: (request) => strikes.filter((strike) => 'request' in strike && strike.request === request),
    onStream: (stream) => strikes.filter((strike) => 'stream' in strike && strike.stream === stream),
    onMail: (attempt) => strikes.filter((strike) => 'attempt' in strike && strike.attempt === attempt),
    onHandshake: (handshake) => strikes.filter((strike) => 'handshake' in strike && strike.handshake === handshake),
    timed: strikes.filter((strike) => 'atMs' in strike),
  }
}
