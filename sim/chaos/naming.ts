// PURE but for what it has counted. The names by which callbacks and requests are struck: what they are, and their number
// among their like.
import type { Callback } from '../carrier/deliveries.ts'
import type { CarrierRecord } from '../record.ts'
import { newsIn } from '../wording.ts'
import type { CallbackName } from './parameters.ts'

/** `completed #2`, of the second `completed`. */
export function createNumbering(): (name: string) => string {
  const counts = new Map<string, number>()
  return (name) => {
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return `${name} #${count}`
  }
}

/** What a callback is called, and the names by which a fault may mean it. */
export function callbackOf(
  { parentCallSid }: Pick<CarrierRecord, 'parentCallSid'>,
  { kind, form }: Callback,
): { name: string; kinds: CallbackName[] } {
  switch (kind) {
    case 'status': {
      const rung = rungOf(form.CallStatus ?? '')
      return { name: parentCallSid === null ? rung : `leg ${rung}`, kinds: [rung] }
    }
    case 'recording':
      return { name: `recording ${form.RecordingStatus}`, kinds: ['recording'] }
    case 'stream':
      return { name: String(form.StreamEvent), kinds: ['stream'] }
    case 'detection':
      return { name: 'detection', kinds: ['detection'] }
    case 'gather':
      return { name: 'partial result', kinds: [] }
    case 'conference':
      return { name: `conference ${form.StatusCallbackEvent}`, kinds: ['conference'] }
  }
}

/** `in-progress` is how `answered` is told; a call that ends otherwise than completed is told all the same. */
function rungOf(status: string): 'initiated' | 'ringing' | 'answered' | 'completed' {
  if (status === 'initiated' || status === 'ringing') return status
  return status === 'in-progress' ? 'answered' : 'completed'
}

/** `incoming-call ringing`, `status completed`: the end of its path, and what its form tells. */
export function requestOf(url: string, { body }: RequestInit): string {
  const path = new URL(url).pathname.split('/').findLast((segment) => segment !== '') ?? '/'
  const form = typeof body === 'string' ? Object.fromEntries(new URLSearchParams(body)) : {}
  return [path, ...newsIn(form)].join(' ')
}
