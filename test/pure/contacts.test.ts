// Who is rung in an emergency, or by the key 0, and what is said: by the clinic's choices at that moment.
import { describe, expect, test } from 'bun:test'
import { contactNamed, emergencyOf } from '../../src/calls/contacts.ts'
import { eventOf } from '../../src/conversations/store.ts'
import { organizationSettings } from '../../src/organizations/settings.ts'
import type { Organization } from '../../src/organizations/store.ts'

const nurse = { name: 'the nurse', phoneNumber: '+15550109999' }
const office = {
  name: 'the office',
  phoneNumber: '+15550108888',
  hours: [{ days: [1, 2, 3, 4, 5], from: '09:00', until: '17:00' }],
}
const clinic = (settings: object, language = 'en'): Organization => ({
  id: 'o',
  name: 'Lakeside',
  timeZone: 'America/New_York',
  language,
  settings: organizationSettings.parse({ transfer: { targets: [nurse, office] }, ...settings }),
})
/** Monday, at these hours in New York. */
const monday = (hour: number) => Date.UTC(2026, 2, 23, hour + 4)

describe('a contact', () => {
  test('is somebody on the clinic’s list, within their hours on the clinic’s clock', () => {
    const of = (name: string | null, atMs: number) => contactNamed(name, clinic({}), atMs)?.phoneNumber ?? null
    expect(of('the nurse', monday(3))).toBe('+15550109999')
    expect(of('the office', monday(10))).toBe('+15550108888')
    expect(of('the office', monday(18))).toBeNull()
    expect(of('somebody else', monday(10))).toBeNull()
    expect(of(null, monday(10))).toBeNull()
  })
})

describe('an emergency', () => {
  test('is listened for unless the clinic wants none of it', () => {
    expect(emergencyOf(clinic({ emergency: { isOn: false } }), [], monday(10))).toBeNull()
    const usual = emergencyOf(clinic({}), [], monday(10))
    expect(usual?.phrases).toContain('chest pain')
    expect(usual?.message).toBe('This sounds like an emergency. Please hang up and call the emergency number at once.')
    expect(usual?.isOver).toBe(false)
  })

  test('is answered in the clinic’s own words, and by the person who can be reached now', () => {
    const emergency = { phrases: ['knocked out'], message: 'Hold on.', number: '112', contact: 'the office' }
    const open = emergencyOf(clinic({ emergency }, 'de'), [], monday(10))
    expect(open).toMatchObject({ phrases: ['knocked out'], message: 'Hold on.', contact: { name: 'the office' } })
    expect(open?.messages.de).toBe('Hold on.')
    expect(open?.messages.fr).toContain('112')
    const closed = emergencyOf(clinic({ emergency: { ...emergency, message: null } }), [], monday(20))
    expect(closed?.contact).toBeNull()
    expect(closed?.message).toContain('Please hang up and call 112')
  })

  test('that was answered in an earlier stream is over; one that the caller did not hear about is not', () => {
    const raised = (isAnswered: boolean) =>
      eventOf({ kind: 'emergency.raised', streamSid: 'MZ1', phrase: 'stroke', isAnswered }, 0)
    expect(emergencyOf(clinic({}), [raised(true)], 0)?.isOver).toBe(true)
    expect(emergencyOf(clinic({}), [raised(false)], 0)?.isOver).toBe(false)
  })
})
