// PURE. Keys that the caller presses. They are gathered until #, or until none has come for a while, and are then a turn of
// the caller like one that was spoken. What was pressed may be a birth date or an insurance number: it is in the ledger and
// at the model, and nowhere else.
import { putThrough } from './alarm.ts'
import { noteTurn, weighTurn } from './consulting.ts'
import { breakIn, withdrawEnding } from './interrupting.ts'
import { keysPressed } from './requests.ts'
import { ask, type CallState, type Command, isTalking } from './state.ts'
import { turnCaller } from './transcript.ts'

/** Ends what is being pressed, as on every telephone menu. */
const enough = '#'

/** Whoever presses a key wants to be listened to: the agent falls silent. Not where the call is about to end in any case. */
export function enterKey(state: CallState, out: Command[], key: string, atMs: number): CallState {
  const { limits, keys } = state
  if (!/^[0-9*#]$/.test(key)) return state
  const open = withdrawEnding(state)
  if (open.stream === null || open.phase.is === 'ending' || open.phase.is === 'settling') return state
  const pressed = `${keys?.pressed ?? ''}${key === enough ? '' : key}`
  const heard = isTalking(open) ? breakIn(open, out, atMs) : open
  const isAll = key === enough || pressed.length >= limits.keysAtOnce
  const gathered: CallState = {
    ...heard,
    keys: { pressed, dueAtMs: isAll ? atMs : atMs + limits.keyPauseMs },
    quiet: { sinceMs: null, prompts: 0 },
  }
  // Without a session there is nobody to tell yet.
  return isAll && gathered.session.is === 'up' ? takeKeys(gathered, out, atMs) : gathered
}

/** What was pressed is all of it. */
export function takeKeys(state: CallState, out: Command[], atMs: number): CallState {
  const { keys, eventCount } = state
  if (keys === null) return state
  if (keys.pressed === '') return { ...state, keys: null }
  const { operator, generation } = state.script
  if (keys.pressed === '0' && operator !== null && state.phase.is === 'live') {
    const toolCallId = `operator-${generation}-${eventCount}`
    const wish = {
      toolCallId,
      contact: operator,
      reason: 'the caller pressed 0',
      isFirm: false,
      asks: ['connecting' as const],
    }
    return putThrough({ ...state, keys: null, eventCount: eventCount + 1 }, out, wish, atMs)
  }
  const itemId = `keys_${eventCount}`
  const text = `Pressed on the keypad: ${keys.pressed}`
  out.push({ do: 'tell-model', event: keysPressed(itemId, text) })
  const transcript = turnCaller(state.transcript, itemId, { state: 'final', text, source: 'keypad' }, atMs)
  const heard = breakIn({ ...state, keys: null, eventCount: eventCount + 1, transcript }, out, atMs)
  const taken = weighTurn(noteTurn(heard, itemId), out, itemId, text)
  return ask({ ...taken, tools: { ...taken.tools, rounds: 0 } }, 'reply')
}
