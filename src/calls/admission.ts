// Whether an agent is given to a call: not when the clinic carries as many as it wants, not to a number that calls without
// end, and not when the money of the day or the month is spent; and whether it may keep the call as that goes on. A caller that
// is refused hears why, and the ledger knows.
import { limits } from '../config.ts'
import { nanoUsdOf } from '../conversations/cost.ts'
import type { Refusal } from '../conversations/events.ts'
import type { Tx } from '../db/database.ts'
import type { Deps } from '../deps.ts'
import { isSomebodysNumber } from '../lib/phone.ts'
import type { LimitSettings } from '../organizations/settings.ts'
import type { Organization } from '../organizations/store.ts'
import {
  countCallsFrom,
  countLiveCalls,
  readCallSpending,
  readSpending,
  type Spending,
  takeTurn,
} from './load-store.ts'
import type { OpenCall } from './open.ts'
import { countPlacing } from './outbound-store.ts'

/** Null: it is. Until the transaction ends, no other call of the clinic is judged. */
export async function refusalOf(
  { tx, conversationId }: OpenCall,
  organization: Organization,
  from: string,
  nowMs: number,
): Promise<Refusal | null> {
  const { id, settings } = organization
  const { callsPerCaller, callerWindowMinutes } = settings.limits
  await takeTurn(tx, id)
  if (callsPerCaller !== null && isSomebodysNumber(from)) {
    const sinceMs = nowMs - callerWindowMinutes * 60_000
    if ((await countCallsFrom(tx, id, { number: from, sinceMs, except: conversationId })) >= callsPerCaller) {
      return 'caller'
    }
  }
  if (isFull(await countLiveCalls(tx, id, nowMs - limits.liveCallMs), settings.limits)) return 'busy'
  return isSpent(await readSpending(tx, id, nowMs), settings.limits) ? 'spent' : null
}

/** Whether a call may be placed now: the clinic carries and pays for one more. Judged as calls that come in are. */
export async function mayPlace(tx: Tx, organization: Organization, nowMs: number): Promise<boolean> {
  const { id, settings } = organization
  await takeTurn(tx, id)
  const calls = (await countLiveCalls(tx, id, nowMs - limits.liveCallMs)) + (await countPlacing(tx, id))
  return !isFull(calls, settings.limits) && !isSpent(await readSpending(tx, id, nowMs), settings.limits)
}

/** Whether what this call has cost, or its clinic's day or month, has come to a ceiling. */
export async function isCallSpent(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  call: { organizationId: string; conversationId: string },
): Promise<boolean> {
  const spending = await readCallSpending(db, call, clock.now())
  if (spending === null) throw new Error(`Cannot read organization ${call.organizationId}: it does not exist`)
  const { settings, callNanoUsd } = spending
  return reaches(callNanoUsd, settings.limits.usdPerCall) || isSpent(spending, settings.limits)
}

const isFull = (liveCalls: number, { callsAtOnce }: LimitSettings): boolean =>
  callsAtOnce !== null && liveCalls >= callsAtOnce

/** The ceilings of the day and the month. What is spent cannot be got back, so the last call may go over by a response. */
const isSpent = ({ dayNanoUsd, monthNanoUsd }: Spending, { usdPerDay, usdPerMonth }: LimitSettings): boolean =>
  reaches(dayNanoUsd, usdPerDay) || reaches(monthNanoUsd, usdPerMonth)

const reaches = (nanoUsd: number, ceilingUsd: number | null): boolean =>
  ceilingUsd !== null && nanoUsd >= nanoUsdOf(ceilingUsd)
