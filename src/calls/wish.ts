// What must be true before a call is wished for at all: the number is one that may be called, the clinic has one to call from,
// nobody is called too often, and the same wish made twice is one call. The call itself is placed by a job.
import { limits } from '../config.ts'
import type { Tx } from '../db/database.ts'
import { enqueue } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import { isE164 } from '../lib/phone.ts'
import type { Organization } from '../organizations/store.ts'
import { takeTurn } from './load-store.ts'
import {
  countOutbound,
  findOutboundByKey,
  insertOutboundCall,
  type OutboundCall,
  patientExists,
  readCallingNumber,
} from './outbound-store.ts'

export type Wish = {
  to: string
  purpose: string
  patientId: string | null
  appointmentId: string | null
  idempotencyKey: string
  placeUntilMs: number
}

/**
 * conflict: the key was used for another wish. number: it may not be called. caller: the clinic has no number to call from.
 * patient: the clinic has no such patient. limit: so many calls a day, or to one number, are enough.
 */
export type WishProblem = 'conflict' | 'number' | 'caller' | 'patient' | 'limit'

export async function wishCall(
  { ids }: Pick<Deps, 'ids'>,
  tx: Tx,
  organization: Organization,
  wish: Wish,
  nowMs: number,
): Promise<Outcome<{ call: OutboundCall; isNew: boolean }, WishProblem>> {
  const { id: organizationId } = organization
  // Of two requests at the same moment the second sees what the first has done.
  await takeTurn(tx, organizationId)
  const before = await findOutboundByKey(tx, organizationId, wish.idempotencyKey)
  if (before !== undefined) {
    const isSame = before.toNumber === wish.to && before.purpose === wish.purpose && before.patientId === wish.patientId
    return isSame ? ok({ call: before, isNew: false }) : problem('conflict', 'this key was used for another call')
  }
  const refusal = await refusalOf(tx, organization, wish, nowMs)
  if (refusal !== null) return refusal
  const fromNumber = await readCallingNumber(tx, organizationId)
  if (fromNumber === null) return problem('caller', 'the clinic has no number to call from')
  const { to: toNumber, ...rest } = wish
  const call = await insertOutboundCall(tx, { ...rest, organizationId, id: ids.uuid(), fromNumber, toNumber }, nowMs)
  await enqueue(tx, placing(call.id))
  return ok({ call, isNew: true })
}

/** The job that places it. */
export const placing = (outboundId: string, runAtMs?: number) => ({
  task: 'place-call',
  ids: { outboundId },
  jobKey: `place:${outboundId}`,
  ...(runAtMs === undefined ? {} : { runAtMs }),
})

async function refusalOf(tx: Tx, organization: Organization, { to, patientId }: Wish, nowMs: number) {
  const { outbound, limits: own } = organization.settings
  if (!isE164(to) || !outbound.prefixes.some((prefix) => to.startsWith(prefix)))
    return problem('number', 'this number may not be called')
  if (patientId !== null && !(await patientExists(tx, organization.id, patientId)))
    return problem('patient', 'the clinic has no such patient')
  const today = await countOutbound(tx, organization, to, nowMs)
  if (reaches(today.calls, own.outboundPerDay))
    return problem('limit', 'as many calls as a day may have were wished for')
  if (reaches(today.toNumber, own.outboundPerNumber))
    return problem('limit', 'this number was called often enough today')
  return null
}

const reaches = (calls: number, most: number | null): boolean => most !== null && calls >= most

/** For a wish of now: it is of no use to anybody later. */
export const placeUntil = (nowMs: number): number => nowMs + limits.placeWithinMs
