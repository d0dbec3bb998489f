// What goes wrong at the carrier itself, as whoever runs it asks for it in JSON, and the settings that come of it. What goes wrong
// on the way between the carrier and a server is chaos, and not here.
import { z } from 'zod'
import type { CarrierSettings } from './exchange.ts'

const LONGEST_MS = 10 * 60 * 1000
const ms = z.int().min(0).max(LONGEST_MS)

/** The usual of each is that nothing goes wrong. */
export const carrierFaults = z
  .strictObject({
    /** So many REST requests, to paths that hold this text, are answered with Twilio's error of this code, and not carried out. */
    refuseRest: z
      .array(
        z.strictObject({
          code: z.int().min(10_000).max(99_999),
          times: z.int().min(1).max(1_000).default(1),
          path: z.string().default(''),
        }),
      )
      .max(20),
    /** What is left of the n-th recording; the last holds for all later ones. */
    recordings: z
      .array(z.enum(['kept', 'absent']))
      .min(1)
      .max(100),
    /** For so long after its end the media of a recording is not found. */
    mediaMs: ms,
    /** How long a call that REST places waits for its turn. */
    queueMs: ms,
    /** Media sockets are signed over their URL with a slash at its end. */
    signsSocketWithSlash: z.boolean(),
  })
  .partial()

export type CarrierFaults = z.infer<typeof carrierFaults>

/** Those that faults change; of calls that are refused only so often, what is left is counted from here on. */
export function settingsWith({
  refuseRest = [],
  recordings = ['kept'],
  mediaMs,
  queueMs,
  signsSocketWithSlash,
}: CarrierFaults): Partial<CarrierSettings> {
  const refusals = refuseRest.map((each) => ({ ...each }))
  return {
    refuseRest({ path }) {
      const due = refusals.find((each) => each.times > 0 && path.includes(each.path))
      if (due === undefined) return null
      due.times--
      return due.code
    },
    isLost: (index) => recordings[Math.min(index, recordings.length - 1)] === 'absent',
    ...(mediaMs === undefined ? {} : { processingMs: mediaMs }),
    ...(queueMs === undefined ? {} : { queueMs }),
    ...(signsSocketWithSlash === undefined ? {} : { signsSocketWithSlash }),
  }
}
