// The media socket's door: its handshake is proven like any request of Twilio, and its stream is let in by the single-use
// token that our TwiML gave to this very call. The start of a stream is in the ledger before any audio flows.
import type { CallPlan } from '../bridge/plan.ts'
import { limits } from '../config.ts'
import type { Facts } from '../conversations/merge.ts'
import { eventOf, findConversation, recordEvents } from '../conversations/store.ts'
import { enqueue } from '../db/jobs.ts'
import { isConnectionLost } from '../db/query-failed.ts'
import { asError } from '../lib/log.ts'
import type { SocketRoute } from '../lib/socket.ts'
import type { Account } from '../organizations/account-store.ts'
import type { CallContext } from './context.ts'
import { planCall } from './plan.ts'
import { redeemStreamToken } from './token-store.ts'
import { verifyHandshake } from './verify.ts'

/** As it is logged: without the account's name. */
const path = '/api/twilio/media-stream'

/** What a stream says of itself when it starts. */
export type StreamStart = { token: string; callSid: string; streamSid: string; accountSid: string }

export function mediaSocket(context: CallContext): SocketRoute {
  const { deps, bridge } = context
  const proven = new WeakMap<Request, Account>()
  return {
    path: `${path}/:account`,
    maxMessageBytes: limits.mediaMessageBytes,
    async refuse(request) {
      try {
        const proof = await verifyHandshake(context.accounts, deps.config.PUBLIC_BASE_URL, request)
        if (proof.ok) return void proven.set(request, proof.value)
        deps.log.warn({ path, reason: proof.message }, 'a media socket was turned away')
        return new Response('Forbidden', { status: 403 })
      } catch (error) {
        // Left to the runtime, it would be printed as it is, and shown to whoever knocked.
        deps.log.error({ path, error: asError(error) }, 'a media socket could not be checked')
        return new Response('Something went wrong', { status: 500 })
      }
    },
    accept(socket, request) {
      const account = proven.get(request)
      return bridge.accept(socket, async (start) => (account === undefined ? null : redeem(context, account, start)))
    },
  }
}

/** Null when the token does not open this call's stream, or it is not this account's call. */
async function redeem(context: CallContext, account: Account, start: StreamStart): Promise<CallPlan | null> {
  const { deps } = context
  const { token, callSid, streamSid } = start
  if (start.accountSid !== account.accountSid) return null
  const nowMs = deps.clock.now()
  const call = await redeemStreamToken(deps.db, token, callSid, nowMs)
  if (call === null) return null
  if (account.organizationId !== null && account.organizationId !== call.organizationId) return null
  const { organizationId, conversationId } = call
  const begin = () => beginStream(context, { organizationId, conversationId, callSid }, streamSid, nowMs)
  // The token is spent: a connection that breaks from here on must not cost the caller their stream. What is done twice is one.
  return await begin().catch((error: unknown) => (isConnectionLost(error) ? begin() : Promise.reject(error)))
}

async function beginStream(
  context: CallContext,
  call: { organizationId: string; conversationId: string; callSid: string },
  streamSid: string,
  nowMs: number,
): Promise<CallPlan> {
  const { deps } = context
  const { organizationId, conversationId, callSid } = call
  const generation = await deps.db.withOrg(organizationId, async (tx) => {
    const known = await findConversation(tx, organizationId, conversationId)
    // The token belongs to the newest stream that was asked for: older ones are over before a new one is offered.
    const newest = Math.max(0, ...Object.keys(known?.facts.expectedStreams ?? {}).map(Number))
    const started = eventOf({ kind: 'stream.started', streamSid, generation: newest }, nowMs)
    const { facts } = await recordEvents(deps, tx, organizationId, conversationId, [started])
    if (isRecordingDue(facts)) {
      await enqueue(tx, { task: 'start-recording', ids: { conversationId }, jobKey: `record:${conversationId}` })
    }
    return newest
  })
  deps.log.info({ callSid, streamSid, organizationId, conversationId }, 'a stream is up')
  return planCall(context, { ...call, generation })
}

/** Whichever stream is the first that is up. The job looks again, and does it once. */
const isRecordingDue = ({ isRecordingWanted, isRecordingRefused, recordings }: Facts): boolean =>
  isRecordingWanted && !isRecordingRefused && Object.keys(recordings).length === 0
