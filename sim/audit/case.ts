// PURE. What the auditor judges: the records of both stand-ins and of the inbox, and what the server wrote down; together
// with one thing that several rules need, namely where in the caller's ear each thing lies that the model said.
import type { CarrierRecord, ChaosRecord, InboxRecord, ModelRecord, StreamRecord } from '../record.ts'
import type { Fixture } from '../script.ts'

export type Row = Record<string, unknown>

/** What the server's database holds of one call. Columns by their SQL name; an instant is a Date, a text or epoch ms. */
export type ServerView = {
  conversation: Row | null
  /** The ledger, in the order of recording. `fact` as it is kept there. */
  events: { key: string; kind: string; atMs: number; fact: Row }[]
  emailDeliveries: Row[]
  recordings: Row[]
  /** How many other organizations have any row that is not as it was before the call, of whatever table. */
  otherOrganizationsTouched: number
  /** Keys of the clinics' tables that are unique over all clinics, as `table.index`: one clinic's row could refuse another's. */
  keysOverAll: string[]
  /** Null when there is no conversation, and so no clinic. */
  clinic: ClinicView | null
  /** The call is among those that no organization could be found for. */
  isUnrouted: boolean
}

/** The records of the call's clinic: what is not as it was before the call, and whom the clinic knows. */
export type ClinicView = {
  timeZone: string
  /** By what callers must show who they are, as the clinic's settings have it. */
  identityPolicy: string
  /** Everybody's patients, this clinic's and others'. */
  patients: Patient[]
  /** New, or changed, as they are now. */
  appointments: Appointment[]
  /** Times that are still held for this conversation. */
  holds: number
  /** What this conversation wrote into the audit log, in order. `patientId` is null where nobody was found. */
  audits: { patientId: string | null; action: string; toolCallId: string }[]
}

export type Patient = {
  patientId: string
  isOfThisClinic: boolean
  /** Was not there before the call, or not so. */
  isChanged: boolean
  name: string
  familyName: string
  /** YYYY-MM-DD. */
  dateOfBirth: string
  phoneNumbers: string[]
}

export type Appointment = {
  patientId: string
  provider: string
  service: string
  /** On the clinic's wall: 2040-01-31 09:15. */
  starts: string
  startsAtMs: number
  status: 'booked' | 'cancelled'
  /** Null: somebody else's doing than a conversation's. */
  conversationId: string | null
  /** Why nobody could keep it, by the clinic's own records; none if all is well. */
  faults: string[]
}

export type Evidence = {
  fixture: Fixture
  /** Whether the call was timed by the virtual clock. */
  isVirtual: boolean
  /** Of the replay of a capture: where it parts from it. */
  parted?: readonly string[] | undefined
  carrier: CarrierRecord
  model: ModelRecord
  inbox: InboxRecord
  /** Null where the database cannot be seen, as with a server elsewhere. */
  server: ServerView | null
  /** What was done to the call on purpose, if anything was. */
  chaos?: ChaosRecord | undefined
}

export type Violation = { rule: string; explanation: string; evidence?: Row }
export type Finding = Omit<Violation, 'rule'>

export type Case = Evidence & { hearing: Hearing }
/** A rule's name states what must be true; what it finds says where it is not. */
export type Rule = { name: string; check(given: Case): Finding[] }

export const BYTES_PER_MS = 8
/** How far two parties' clock readings of one event may lie apart: a message under way on loopback, a frame, a timer. */
export const IN_FLIGHT_MS = 60

export type ModelItem = ModelRecord['sessions'][number]['items'][number]

/** Something that the model said aloud, and what became of it. Byte places count through all streams of the call. */
export type SpokenItem = {
  item: ModelItem
  /** The longest single delta of it: no server can know what was heard more finely than this. */
  longestDeltaMs: number
  /** Which of the received bytes are its; what was emitted beyond them was dropped. */
  place: { fromByte: number; toByte: number }
  heardBytes: number
  /** The response that it is part of was cut off while it was being made. */
  isInterrupted: boolean
  /** The session ended while it was being made: its words run ahead of its sound, nobody knows how far. */
  isTorn: boolean
}

/** Who has heard this much has heard a word. */
const A_WORD_MS = 500

/** From how much of an item on, told delta by delta, a server must know that a word of it was heard. */
export const wordHeardMs = (longestDeltaMs: number): number => longestDeltaMs + IN_FLIGHT_MS + A_WORD_MS

export type Hearing = { items: SpokenItem[]; fault: Finding | null }

/** How long after a fault that cuts a stream, at most, the carrier takes it for ended. */
const CUT_WITHIN_MS = 250

/** A server without its model can wait until all was heard; without its line, or without itself, it cannot. */
export const breaksStream = (fault: string): boolean => fault === 'ws-cut' || fault === 'crash'

/** The stream did not end by anybody's will: a fault cut it. */
export const isCut = ({ endedAtMs }: StreamRecord, chaos: ChaosRecord | undefined): boolean =>
  (chaos?.struck ?? []).some(
    ({ atMs, strike: { fault } }) =>
      breaksStream(fault) && endedAtMs !== null && endedAtMs >= atMs && endedAtMs <= atMs + CUT_WITHIN_MS,
  )

type Session = ModelRecord['sessions'][number]

/** A session is lost, and then its line, before another is there on it: what nobody had said the words of is lost with them. */
export function diesWithItsLine({ closedAtMs }: Session, { carrier, model }: Pick<Case, 'carrier' | 'model'>): boolean {
  const line = carrier.streams.find(
    (stream) => closedAtMs !== null && stream.openedAtMs <= closedAtMs && closedAtMs < (stream.endedAtMs ?? 0),
  )
  if (closedAtMs === null || line === undefined) return false
  return !model.sessions.some(
    ({ config, openedAtMs }) => config !== null && openedAtMs >= closedAtMs && openedAtMs < (line.endedAtMs ?? 0),
  )
}

export const millis = (bytes: number): number => Math.round(bytes / BYTES_PER_MS)

/** Epoch ms of a column, or null. */
export function instant(value: unknown): number | null {
  if (value instanceof Date) return value.getTime()
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return null
  const atMs = Date.parse(value)
  return Number.isNaN(atMs) ? null : atMs
}

/** How many bytes from `fromByte` to `toByte` lie in any of the ranges, which do not overlap. */
export const overlap = (
  ranges: readonly { fromByte: number; toByte: number }[],
  fromByte: number,
  toByte: number,
): number =>
  ranges.reduce(
    (sum, range) => sum + Math.max(0, Math.min(range.toByte, toByte) - Math.max(range.fromByte, fromByte)),
    0,
  )

/** The streams of a call as if they were one: bytes and ranges counted through. */
export function joined(streams: readonly StreamRecord[]) {
  const shifted = (name: 'played' | 'cleared') => {
    let before = 0
    return streams.flatMap((stream) => {
      const ranges = stream[name].map(({ atMs, fromByte, toByte }) => ({
        atMs,
        fromByte: fromByte + before,
        toByte: toByte + before,
      }))
      before += stream.received.length
      return ranges
    })
  }
  return {
    received: Buffer.concat(streams.map(({ received }) => received)),
    played: shifted('played'),
    cleared: shifted('cleared'),
  }
}
