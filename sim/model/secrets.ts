// POST /v1/realtime/client_secrets: short-lived keys for a browser, each with the session that it opens.
import { z } from 'zod'
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import { failure, json } from './answers.ts'
import { drawId } from './channel.ts'
import { defaultConfig, type SessionConfig, updateConfig } from './config.ts'
import { sessionUpdate } from './protocol.ts'
import { refusalOf } from './refusal.ts'

export type Secret = { model: string; config: SessionConfig; expiresAtMs: number }

export type Secrets = {
  create(body: unknown): Response
  /** What a key was made for; nothing once it has expired. */
  find(key: string | null): Secret | undefined
}

const USUAL_MODEL = 'gpt-realtime-2.1'
const USUAL_LIFE_SECONDS = 600
/** Many more than any run needs; the oldest ones go first. */
const MAX_SECRETS = 1000

const order = z.strictObject({
  expires_after: z
    .strictObject({ anchor: z.literal('created_at').optional(), seconds: z.int().min(10).max(7200).optional() })
    .optional(),
  session: sessionUpdate.optional(),
})

export function createSecrets(clock: SimClock, random: Random): Secrets {
  const secrets = new Map<string, Secret>()
  return {
    create(body) {
      const parsed = order.safeParse(body)
      if (!parsed.success) return failure(400, refusalOf(parsed.error, body))
      const { expires_after, session = { type: 'realtime' as const } } = parsed.data
      const model = session.model ?? USUAL_MODEL
      const updated = updateConfig(defaultConfig(), session, { model, hasSpoken: false, isResponding: false })
      if ('refusal' in updated) return failure(400, updated.refusal)
      const value = drawId(random, 'ek_')
      const expiresAtMs = clock.now() + (expires_after?.seconds ?? USUAL_LIFE_SECONDS) * 1000
      secrets.set(value, { model, config: updated.config, expiresAtMs })
      for (const oldest of secrets.keys()) if (secrets.size > MAX_SECRETS) secrets.delete(oldest)
      const id = drawId(random, 'sess_')
      return json({
        value,
        expires_at: Math.floor(expiresAtMs / 1000),
        session: { id, object: 'realtime.session', type: 'realtime', model, ...updated.config },
      })
    },
    find(key) {
      const secret = secrets.get(key ?? '')
      return secret && secret.expiresAtMs > clock.now() ? secret : undefined
    },
  }
}
