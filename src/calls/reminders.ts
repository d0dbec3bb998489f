// Reminds patients of tomorrow's appointments, for clinics that want it: once a day every appointment of the next day becomes a
// call to place, and each at its time becomes one only once.
import type { Tx } from '../db/database.ts'
import { enqueue } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { lastWithin, nextAt, tomorrow } from '../lib/wall-clock.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import { readVisits, type VisitToRemind } from './outbound-store.ts'
import { wishCall } from './wish.ts'

/** Plans this day's calls, and itself for the next day; no more of either once the clinic has opted out. */
export const planReminders = (deps: Deps, organizationId: string): Promise<void> =>
  deps.db.withOrg(organizationId, async (tx) => {
    const organization = await readOrganization(tx, organizationId)
    const { timeZone, settings } = organization
    if (!settings.reminders.isOn) return
    const nowMs = deps.clock.now()
    const runAtMs = nextAt(settings.reminders.at, nowMs, timeZone)
    await enqueue(tx, { task: 'plan-reminders', ids: {}, jobKey: 'plan-reminders', runAtMs })
    for (const visit of await readVisits(tx, organizationId, tomorrow(nowMs, timeZone))) {
      await remind(deps, tx, organization, visit, nowMs)
    }
  })

async function remind(
  deps: Deps,
  tx: Tx,
  organization: Organization,
  visit: VisitToRemind,
  nowMs: number,
): Promise<void> {
  const { appointmentId, patientId, givenName } = visit
  const [to] = visit.phoneNumbers
  if (to === undefined) return
  const wished = await wishCall(
    deps,
    tx,
    organization,
    {
      to,
      purpose: purposeOf(givenName),
      patientId,
      appointmentId,
      idempotencyKey: reminderKey(visit),
      placeUntilMs: lastWithin(organization.settings.outbound, nowMs, organization.timeZone),
    },
    nowMs,
  )
  if (!wished.ok) deps.log.warn({ appointmentId, problem: wished.problem }, 'nobody is reminded of an appointment')
}

/** An appointment that was moved is another to be reminded of. */
export const reminderKey = ({
  appointmentId,
  startsAtMs,
}: Pick<VisitToRemind, 'appointmentId' | 'startsAtMs'>): string => `reminder/${appointmentId}/${startsAtMs}`

/** When and with whom it is, the tools tell, to whoever has shown that they are the patient. */
const purposeOf = (givenName: string): string =>
  `Remind ${givenName} of an appointment tomorrow. Ask whether they will come; move or cancel it if they wish.`
