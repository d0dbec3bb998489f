// PURE. What a request, a tool call or a word of the carrier comes to on the page: a label at its instant on the timeline,
// and a line in the list beneath.
import type { Size } from './sizes.ts'

export type Lane = 'call' | 'carrier' | 'model' | 'mail'

export type Happening = {
  lane: Lane
  /** Its kind has a colour of its own. */
  kind: 'call' | 'webhook' | 'callback' | 'rest' | 'tool' | 'realtime' | 'writing' | 'mail' | 'chaos'
  route: string
  /** On the page, down is from the carrier to the server, or from the server to the model. */
  arrow: 'down' | 'up' | 'both' | null
  /** When its cause was; the same as `atMs` where it did not wait. */
  causedAtMs: number
  atMs: number
  label: string
  /** What is told beside the label: the sequence number, the delay, the duration. */
  notes: Note[]
  isBad: boolean
  /** In full, for who asks. */
  body: string
}

export type Note = { text: string; size: Size | null }

/** With nothing more to tell than what is given. */
export const plain = (
  happening: Omit<Happening, 'causedAtMs' | 'notes' | 'isBad' | 'body'> & Partial<Happening>,
): Happening => ({
  causedAtMs: happening.atMs,
  notes: [],
  isBad: false,
  body: '',
  ...happening,
})
