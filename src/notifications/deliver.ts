// The job that sends one summary mail, once: claim, freeze what will be sent, send it under the delivery's own key, settle.
// No transaction is open while a vendor is asked. A repeat sends the same bytes under the same key, or nothing at all; what
// the vendor can no longer recognise as a repeat, or will never take, is parked for a person to look at.
import type { ConversationFact } from '../conversations/events.ts'
import { eventOf, findConversation, readEvents, recordEvents } from '../conversations/store.ts'
import type { Tx } from '../db/database.ts'
import type { Tasks } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { unreachable } from '../lib/outcome.ts'
import { RetryLater } from '../lib/retry-later.ts'
import { readAdminAddresses, readOrganization } from '../organizations/store.ts'
import type { MailPayload } from '../vendors/mailer.ts'
import { claimDelivery, type Delivery, findDelivery, freezePayload, type Settlement, settleDelivery } from './store.ts'

type MailDeps = Pick<Deps, 'config' | 'db' | 'clock' | 'ids' | 'log' | 'mailer'>
type Ids = { organizationId: string; deliveryId: string }

const hourMs = 60 * 60_000
export const deliveryLimits = {
  /** Longer than rendering and the vendor's deadline together, so that a live worker keeps its claim. */
  leaseMs: 60_000,
  /** Resend knows a key for 24 hours. An hour less, because clocks differ and a request takes its time. */
  repeatableMs: 23 * hourMs,
  /** With the queue's growing pauses, about a day. */
  attempts: 14,
  /** Resend takes no more in one message. */
  recipients: 50,
} as const

export function mailTasks(deps: MailDeps): Tasks {
  return {
    'send-mail': async ({ organizationId, deliveryId }) => {
      if (deliveryId === undefined) throw new Error('Cannot send mail: the job names no delivery')
      await deliver(deps, { organizationId, deliveryId })
    },
  }
}

async function deliver(deps: MailDeps, ids: Ids): Promise<void> {
  const claimed = await deps.db.withOrg(ids.organizationId, (tx) =>
    claimDelivery(tx, ids, deps.clock.now(), deliveryLimits.leaseMs),
  )
  if (claimed === null) return whenTaken(deps, ids)
  const delivery = claimed.payload === null ? await freeze(deps, claimed) : claimed
  if (delivery === null) return
  if (!isRepeatable(delivery, deps.clock.now())) {
    return park(deps, delivery, 'It may have been sent or not, and Resend no longer knows its key')
  }
  const sent = await deps.mailer.send(payloadOf(delivery), delivery.idempotencyKey)
  if (sent.ok) {
    const { messageId } = sent.value
    return settle(deps, delivery, { state: 'sent', messageId, sentAtMs: deps.clock.now() })
  }
  switch (sent.problem) {
    case 'conflict':
    case 'refused':
      return park(deps, delivery, sent.message)
    case 'retryable':
      if (delivery.attempts >= deliveryLimits.attempts) return park(deps, delivery, `${sent.message}, too often`)
      return tryLater(deps, delivery, sent.message)
    default:
      return unreachable(sent.problem)
  }
}

/** Another worker has it, or has done with it. If it is still under way, somebody must look again in case that worker dies. */
async function whenTaken(deps: MailDeps, { organizationId, deliveryId }: Ids): Promise<void> {
  const delivery = await deps.db.withOrg(organizationId, (tx) => findDelivery(tx, organizationId, deliveryId))
  if (delivery === null || delivery.state === 'sent' || delivery.state === 'parked') return
  throw new RetryLater('another worker is sending this mail')
}

/** Composes the message and writes it down. Null: it cannot be sent, and has been parked. */
async function freeze(deps: MailDeps, claimed: Delivery): Promise<Delivery | null> {
  const material = await deps.db.withOrg(claimed.organizationId, (tx) => readMaterial(tx, claimed))
  const recipients = material.recipients.slice(0, deliveryLimits.recipients)
  if (recipients.length === 0) {
    await park(deps, claimed, 'The organization has no active administrator')
    return null
  }
  const { composeLetter } = await loadLetter()
  const from = deps.config.MAIL_FROM
  const letter = await composeLetter({ ...material, recipients, deliveryId: claimed.id, from })
  const payload = JSON.stringify(letter)
  const firstAttemptAtMs = deps.clock.now()
  const isOurs = await deps.db.withOrg(claimed.organizationId, (tx) =>
    freezePayload(tx, claimed, payload, firstAttemptAtMs),
  )
  if (!isOurs) throw new RetryLater('another worker has taken this mail over')
  return { ...claimed, payload, firstAttemptAt: new Date(firstAttemptAtMs) }
}

/**
 * Loading it holds everything up for a third of a second and more: a server does it before its first call, whoever needs no
 * mail never.
 */
export const loadLetter = () => import('./letter.ts')

async function readMaterial(tx: Tx, { organizationId, conversationId }: Delivery) {
  const conversation = await findConversation(tx, organizationId, conversationId)
  if (conversation === undefined) throw new Error(`Cannot send mail: conversation ${conversationId} does not exist`)
  return {
    conversation,
    clinic: await readOrganization(tx, organizationId),
    events: await readEvents(tx, organizationId, conversationId),
    recipients: await readAdminAddresses(tx, organizationId),
  }
}

const isRepeatable = ({ firstAttemptAt }: Delivery, nowMs: number): boolean =>
  firstAttemptAt === null || nowMs - firstAttemptAt.getTime() < deliveryLimits.repeatableMs

function payloadOf({ id, payload }: Delivery): MailPayload {
  if (payload === null) throw new Error(`Cannot send delivery ${id}: nothing was frozen`)
  return JSON.parse(payload)
}

/** Parked: nobody will try again by themselves. The clinic sees it among the call's events, the operator in the log. */
async function park(deps: MailDeps, delivery: Delivery, note: string): Promise<void> {
  deps.log.error({ organizationId: delivery.organizationId, deliveryId: delivery.id, reason: note }, 'mail parked')
  await settle(deps, delivery, { state: 'parked', note })
}

async function tryLater(deps: MailDeps, delivery: Delivery, note: string): Promise<never> {
  await settle(deps, delivery, { state: 'ready', note })
  throw new RetryLater(note)
}

/** In one transaction with the fact that goes with it; a claim that was lost meanwhile leaves both to its new holder. */
async function settle(deps: MailDeps, delivery: Delivery, settlement: Settlement): Promise<void> {
  const { organizationId, conversationId, id: deliveryId } = delivery
  await deps.db.withOrg(organizationId, async (tx) => {
    if (!(await settleDelivery(tx, delivery, settlement))) return
    const fact = factOf(settlement, deliveryId)
    if (fact === null) return
    await recordEvents(deps, tx, organizationId, conversationId, [eventOf(fact, deps.clock.now())])
  })
}

function factOf(settlement: Settlement, deliveryId: string): ConversationFact | null {
  switch (settlement.state) {
    case 'sent':
      return { kind: 'email.sent', deliveryId }
    case 'parked':
      return { kind: 'warning', about: 'email', text: settlement.note }
    case 'ready':
      return null
  }
}
