// What a fixture's YAML may say of the clinic's records: what must have become of them, and what somebody at the clinic's own
// desk does to them meanwhile.
import { z } from 'zod'
import type { DeskStep, ExpectedRecords } from './script.ts'

const phoneNumber = z.string().regex(/^\+[1-9]\d{6,14}$/, "must be a number in E.164 form, in quotes: '+15551234567'")
const localTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d$/, "must be a time on the clinic's wall: '2040-01-31 09:15'")

export const records = z
  .strictObject({
    appointments: z
      .array(
        z.strictObject({
          patient: z.string(),
          provider: z.string().optional(),
          service: z.string().optional(),
          starts: z
            .union([localTime, z.literal('offered'), z.strictObject({ slot: z.number().int().min(1) })], {
              error: "must be a time on the clinic's wall, '2040-01-31 09:15', or { slot: 1 }, or offered",
            })
            .optional(),
          status: z.enum(['booked', 'cancelled']).default('booked'),
        }),
      )
      .default([]),
    patients: z
      .array(
        z.strictObject({
          name: z.string(),
          dateOfBirth: z.iso.date('must be a day, in quotes: 1988-04-12'),
          phoneNumbers: z.array(phoneNumber).optional(),
        }),
      )
      .default([]),
    audited: z.array(z.string()).optional(),
    untouched: z.boolean().default(false),
  })
  .superRefine(({ untouched, appointments, patients, audited = [] }, context) => {
    if (untouched && appointments.length + patients.length + audited.length > 0)
      context.addIssue({ code: 'custom', message: 'goes with nothing else here', path: ['untouched'] })
  })
  .prefault({})

export const refused = z.array(z.strictObject({ name: z.string(), because: z.string().optional() })).default([])

export const messages = z
  .array(
    z.strictObject({
      from: z.string(),
      forWhom: z.string().optional(),
      contains: z.string().optional(),
      isUrgent: z.boolean().optional(),
    }),
  )
  .default([])

export const desk = z
  .array(
    z.strictObject({
      afterMs: z.number().int().min(0),
      books: z.strictObject({ patient: z.string(), provider: z.string(), service: z.string(), starts: localTime }),
    }),
  )
  .default([])

/** Whether they name days, which are days of the virtual clock. */
export const areDated = ({ appointments }: Pick<ExpectedRecords, 'appointments'>, desk: readonly DeskStep[]): boolean =>
  desk.length > 0 || appointments.some(({ starts }) => localTime.safeParse(starts).success)
