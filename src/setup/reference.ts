// How a command names a clinic: by the short name that it was added with, by one of its numbers, or by its id. The name leads
// to the id by itself, because the server's login cannot look through clinics, and shall not.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { isE164 } from '../lib/phone.ts'
import { routeCall } from '../organizations/route-store.ts'
import { organizationExists } from '../organizations/store.ts'
import { handleForm } from './clinic-shape.ts'
import { Mistake } from './mistake.ts'

/** The same on every machine: a UUID of version 8. */
export function organizationIdOf(handle: string): string {
  const hex = createHash('sha256').update(`frontdesk clinic ${handle}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Throws a Mistake when there is no such clinic. */
export async function findClinic(db: Database, config: Config, reference: string): Promise<string> {
  const id = await idIn(db, config, reference)
  if (id !== null && (await db.withOrg(id, (tx) => organizationExists(tx, id)))) return id
  throw new Mistake(
    `There is no clinic ${reference}. Name one by what it was added with (northside), by a number of its own, or by its id.`,
  )
}

async function idIn(db: Database, config: Config, reference: string): Promise<string | null> {
  if (z.guid().safeParse(reference).success) return reference.toLowerCase()
  if (handleForm.test(reference)) return organizationIdOf(reference)
  if (!isE164(reference)) return null
  const route = await routeCall(db, config, { callSid: '', toNumber: reference, channel: 'twilio' })
  return route?.by === 'number' ? route.organizationId : null
}
