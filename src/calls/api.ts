// What a clinic's own systems may ask of its telephone: to place a call, and how one stands. Whoever asks shows a token, and the
// token alone says for which clinic; an error says what is wrong and never what another clinic has.
import { Elysia } from 'elysia'
import { z } from 'zod'
import { limits } from '../config.ts'
import { unreachable } from '../lib/outcome.ts'
import { isWithinDaily } from '../lib/wall-clock.ts'
import { holderOf, type TokenHolder, type TokenScope } from '../organizations/api-token-store.ts'
import { readOrganization } from '../organizations/store.ts'
import type { CallContext } from './context.ts'
import { findOutbound, type OutboundCall } from './outbound-store.ts'
import { readBody } from './verify.ts'
import { placeUntil, type WishProblem, wishCall } from './wish.ts'

const callWish = z.strictObject({
  to: z.string().max(20),
  purpose: z.string().trim().min(1).max(500),
  patientId: z.uuid().optional(),
  idempotencyKey: z
    .string()
    .min(1)
    .max(100)
    .refine((key) => !key.startsWith('reminder/'), 'must not begin with reminder/'),
})

export function apiRoutes(context: CallContext) {
  return new Elysia({ name: 'api', prefix: '/api' })
    .post(
      '/calls',
      ({ request }) => authorized(context, request, 'calls', (holder) => postCall(context, request, holder)),
      {
        parse: 'none',
      },
    )
    .get('/calls/:id', ({ request, params }) =>
      authorized(context, request, 'calls', (holder) => getCall(context, params.id, holder)),
    )
}

async function authorized(
  { deps }: CallContext,
  request: Request,
  scope: TokenScope,
  answer: (holder: TokenHolder) => Promise<Response>,
): Promise<Response> {
  const [, token] = /^Bearer (\S{1,200})$/i.exec(request.headers.get('authorization') ?? '') ?? []
  const holder = token === undefined ? null : await holderOf(deps.db, token)
  if (holder === null) return failure(401, 'unauthorized', 'Show a token: Authorization: Bearer fd_…')
  if (!holder.scopes.includes(scope)) return failure(403, 'forbidden', `This token may not be used for ${scope}`)
  return answer(holder)
}

async function postCall({ deps }: CallContext, request: Request, { organizationId }: TokenHolder): Promise<Response> {
  const body = await readBody(request, limits.apiBodyBytes)
  if (body === null) return failure(413, 'too-large', `A request may have ${limits.apiBodyBytes} bytes`)
  const wish = callWish.safeParse(parsed(body))
  if (!wish.success) return failure(400, 'malformed', z.prettifyError(wish.error))
  const { patientId = null, ...wanted } = wish.data
  return deps.db.withOrg(organizationId, async (tx) => {
    const organization = await readOrganization(tx, organizationId)
    const nowMs = deps.clock.now()
    const { from, until } = organization.settings.outbound
    if (!isWithinDaily({ from, until }, nowMs, organization.timeZone))
      return failure(409, 'quiet-hours', `The clinic calls nobody before ${from} and from ${until} on`)
    const complete = { ...wanted, patientId, appointmentId: null, placeUntilMs: placeUntil(nowMs) }
    const wished = await wishCall(deps, tx, organization, complete, nowMs)
    if (!wished.ok) return failure(statusOf(wished.problem), wished.problem, wished.message)
    return Response.json(shown(wished.value.call), { status: wished.value.isNew ? 202 : 200 })
  })
}

async function getCall({ deps }: CallContext, id: string, { organizationId }: TokenHolder): Promise<Response> {
  const call = z.uuid().safeParse(id).success
    ? await deps.db.withOrg(organizationId, (tx) => findOutbound(tx, organizationId, id))
    : undefined
  return call === undefined ? failure(404, 'not-found', 'There is no such call') : Response.json(shown(call))
}

/** `conversationId` is that of the call, once there is one. */
const shown = ({ id, state, reason, callSid }: OutboundCall) => ({
  id,
  state,
  reason,
  callSid,
  conversationId: callSid === null ? null : id,
})

function statusOf(problem: WishProblem): number {
  switch (problem) {
    case 'conflict':
      return 409
    case 'limit':
      return 429
    case 'number':
    case 'caller':
    case 'patient':
      return 422
    default:
      return unreachable(problem)
  }
}

const failure = (status: number, code: string, message: string): Response =>
  Response.json({ error: { code, message } }, { status })

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
