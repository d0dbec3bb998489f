// PURE. One concrete thing that is done to a call: this callback so late, that one twice, the socket cut at this instant. A
// list of them is a schedule that can be told, kept in a file, replayed to the letter and made smaller. What they strike is
// named by what it is and its number among its like, never by its time.
import { z } from 'zod'
import { Mistake } from '../mistake.ts'
import type { FaultName } from './faults.ts'
import { toldMs } from './parameters.ts'

/** A callback, by what it tells: `completed #1`, `leg ringing #2`, `recording completed #1`, `stream stream-started #1`. */
const callback = z.string().min(1)
/** A request, by its path's end and what it tells: `incoming-call ringing #1`, `status completed #2`. */
const request = z.string().min(1)
const ms = z.int().min(0)

export const strikeShape = z.discriminatedUnion('fault', [
  z.strictObject({ fault: z.enum(['reorder', 'delay']), callback, byMs: ms }),
  z.strictObject({ fault: z.literal('duplicate'), callback, afterMs: ms }),
  z.strictObject({ fault: z.enum(['drop', 'early']), callback }),
  z.strictObject({ fault: z.literal('repeat'), request }),
  z.strictObject({ fault: z.literal('bad-signature'), request }),
  z.strictObject({ fault: z.literal('slow-webhook'), request, byMs: ms }),
  z.strictObject({ fault: z.literal('late-audio'), stream: z.string().min(1), byMs: ms }),
  z.strictObject({
    fault: z.enum(['ws-cut', 'model-cut', 'model-expires', 'crash', 'deploy', 'db-restart']),
    atMs: ms,
  }),
  /** `handshake`: the number of the socket that the model refuses. */
  z.strictObject({ fault: z.literal('model-refuses'), handshake: z.int().min(1) }),
  /** `attempt`: the number of the message that is taken without an answer. */
  z.strictObject({ fault: z.literal('mail-timeout'), attempt: z.int().min(1) }),
])

export type Strike = z.infer<typeof strikeShape>
export type TimedStrike = Extract<Strike, { atMs: number }>

/** `duplicate completed #1 +1.2s`. */
export function strikeText(strike: Strike): string {
  switch (strike.fault) {
    case 'reorder':
    case 'delay':
      return `${strike.fault} ${strike.callback} +${toldMs(strike.byMs)}`
    case 'duplicate':
      return `duplicate ${strike.callback} +${toldMs(strike.afterMs)}`
    case 'drop':
    case 'early':
      return `${strike.fault} ${strike.callback}`
    case 'repeat':
    case 'bad-signature':
      return `${strike.fault} ${strike.request}`
    case 'slow-webhook':
      return `slow-webhook ${strike.request} +${toldMs(strike.byMs)}`
    case 'late-audio':
      return `late-audio ${strike.stream} +${toldMs(strike.byMs)}`
    case 'model-refuses':
      return `model-refuses handshake ${strike.handshake}`
    case 'mail-timeout':
      return `mail-timeout of message ${strike.attempt}`
    default:
      return `${strike.fault} @${toldMs(strike.atMs)}`
  }
}

/** Of JSON that somebody wrote. Throws a Mistake. */
export function readStrikes(json: unknown, where: string): Strike[] {
  const read = z.array(strikeShape).safeParse(json)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new Mistake(`${where}: strikes.${issue?.path.join('.')}: ${issue?.message}`)
}

/** Which fault it comes of. */
export const faultOf = ({ fault }: Strike): FaultName => (fault === 'repeat' ? 'duplicate' : fault)

/** What these strikes change in what is said, and not only in what is told of it afterwards. */
export const touchesTalk = (strikes: readonly Strike[]): boolean => strikes.some(touches)

function touches(strike: Strike): boolean {
  switch (strike.fault) {
    case 'reorder':
    case 'delay':
    case 'drop':
      // Whether a machine has answered decides what is said to it.
      return strike.callback.startsWith('detection')
    case 'ws-cut':
    case 'model-cut':
    case 'model-expires':
    case 'model-refuses':
    case 'crash':
    case 'deploy':
    case 'db-restart':
    case 'slow-webhook':
    case 'late-audio':
      return true
    default:
      return false
  }
}
