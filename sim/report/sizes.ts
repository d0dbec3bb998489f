// PURE. Whether a wait is fine, noticeable or long, by what it is: what the page's three colours mean. Measures of comfort,
// not rules; what must be true of a call is the auditor's to say.
export type Size = 'fine' | 'noticeable' | 'long'

/** Up to the first it is fine, up to the second noticeable, in ms. */
const limits = {
  /** People answer each other within about a quarter of a second, and wonder after one. */
  reply: [1_000, 2_000],
  /** The caller hears it ring, and perhaps that the call is recorded. */
  greeting: [3_000, 6_000],
  bargeIn: [300, 800],
  /** Twilio gives up after fifteen seconds; the caller hears nothing meanwhile. */
  twiml: [1_000, 5_000],
  callback: [2_000, 10_000],
  /** Of sound that should go on. */
  hole: [40, 200],
} as const

export type Measured = keyof typeof limits

export function sizeOf(what: Measured, ms: number): Size {
  const [fineMs, noticeableMs] = limits[what]
  return ms <= fineMs ? 'fine' : ms <= noticeableMs ? 'noticeable' : 'long'
}

export const limitsOf = (what: Measured): readonly [fineMs: number, noticeableMs: number] => limits[what]
