// Which tools an agent has, by its role and by what the clinic allows. A new tool is listed here.
import { languagesOf } from '../organizations/settings.ts'
import type { Organization } from '../organizations/store.ts'
import { bookAppointment, cancelAppointment, findAvailability, rescheduleAppointment } from './appointment-tools.ts'
import { clinicInfo } from './clinic-tools.ts'
import { speakLanguage } from './language-tool.ts'
import { endCall, note, takeMessage } from './message-tools.ts'
import { createPatient, searchPatient } from './patient-tools.ts'
import type { Tool } from './tools.ts'
import { transferToPerson } from './transfer-tool.ts'

/** `single` does it all; `receptionist` talks and leaves the calendar to `supervisor`, who never talks. */
export type Role = 'single' | 'receptionist' | 'supervisor'

const forAnybody = [clinicInfo, note, takeMessage]
const forPatients = [
  searchPatient,
  createPatient,
  findAvailability,
  bookAppointment,
  rescheduleAppointment,
  cancelAppointment,
]

export function toolsFor(organization: Organization, role: Role): Tool[] {
  const { settings } = organization
  const languages = languagesOf(organization)
  const overTheCalendar = settings.bookByPhone ? forPatients : []
  const { targets } = settings.transfer
  const overTheLine = [
    ...(languages.length > 1 ? [speakLanguage(languages)] : []),
    ...(targets.length > 0 ? [transferToPerson(targets)] : []),
    endCall,
  ]
  switch (role) {
    case 'single':
      return [...forAnybody, ...overTheCalendar, ...overTheLine]
    case 'receptionist':
      return [...forAnybody, ...overTheLine]
    case 'supervisor':
      return [...forAnybody, ...overTheCalendar]
  }
}
