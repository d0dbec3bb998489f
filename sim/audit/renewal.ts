// PURE. The rules of a call whose model is lost and replaced by another: nobody is greeted twice or hears another voice, and
// nobody waits for long. That nothing is forgotten is said in handover.ts.
import type { ModelRecord } from '../record.ts'
import { type Case, IN_FLIGHT_MS, millis, type Rule } from './case.ts'

type Session = ModelRecord['sessions'][number]

/** Those that the server brought as far as to be heard by the caller, or to hear them. */
const usedSessions = ({ model }: Pick<Case, 'model'>): Session[] =>
  model.sessions.filter(({ config, appended }) => config !== null && appended.length > 0)

export const greetedOnce: Rule = {
  name: 'the caller is greeted once, however often the model is replaced',
  check({ hearing, model, fixture }) {
    const heard = hearing.items.filter(({ heardBytes }) => millis(heardBytes) > IN_FLIGHT_MS)
    const [greeting] = heard
    if (greeting === undefined || !isOfScript(greeting.item.text, fixture.model)) return []
    const session = model.sessions.find(({ items }) => items.includes(greeting.item))
    return heard
      .filter(({ item }) => !session?.items.includes(item) && isSameWords(item.text, greeting.item.text))
      .map(({ item }) => ({
        explanation: `The caller was greeted again, in ${item.itemId}`,
        evidence: { said: item.text },
      }))
  },
}

/** Whoever is cut off before the greeting hears words of the stand-in's own, which may be said as often as the line breaks. */
const isOfScript = (text: string, { improvises, responses }: Case['fixture']['model']): boolean =>
  improvises === true || responses.flat().some((output) => 'say' in output && isSameWords(output.say, text))

/** So much of a sentence that it is the same. */
const TELLING_LETTERS = 12

function isSameWords(one: string, other: string): boolean {
  const [a, b] = [letters(one), letters(other)]
  const length = Math.min(a.length, b.length)
  return length >= TELLING_LETTERS && a.slice(0, length) === b.slice(0, length)
}

const letters = (text: string): string => text.replace(/\s+/g, '')

export const oneVoice: Rule = {
  name: 'the agent speaks with one voice all through the call',
  check(given) {
    const voices = new Set(usedSessions(given).map(({ config }) => JSON.stringify(voiceOf(config))))
    return voices.size < 2
      ? []
      : [{ explanation: `The agent spoke with ${voices.size} voices`, evidence: { voices: [...voices] } }]
  },
}

const voiceOf = (config: Session['config']): unknown =>
  (config?.audio as { output?: { voice?: unknown } } | undefined)?.output?.voice

export const renewalsAsExpected: Rule = {
  name: 'the model is replaced as often as the fixture says, and every time is in the ledger',
  check({ server, fixture }) {
    if (server === null || fixture.expect.renewals === undefined) return []
    const count = server.events.filter(({ kind }) => kind === 'model.rebuilt').length
    if (count === fixture.expect.renewals) return []
    return [{ explanation: `The model was replaced ${count} times, not ${fixture.expect.renewals}` }]
  },
}

/**
 * From the loss, or from the last sound that had been sent by then, to the next: a breath, and the time to answer. Whoever is
 * refused comes back after waiting for as long again, at most.
 */
const LONGEST_PAUSE_MS = 4_000

function refusedForMs({ chaos }: Case, lostAtMs: number): number {
  const refusals = (chaos?.struck ?? []).filter(
    ({ atMs, strike }) => strike.fault === 'model-refuses' && atMs >= lostAtMs,
  )
  return 2 * Math.max(0, ...refusals.map(({ atMs }) => atMs - lostAtMs))
}

/** How long the caller heard nothing because a response was lost, until they said something themselves. */
export function pausesOf({ carrier, model }: Pick<Case, 'carrier' | 'model'>): { lostAtMs: number; pauseMs: number }[] {
  return model.sessions.flatMap(({ responses, closedAtMs }) => {
    const stream = carrier.streams.find(
      ({ startedAtMs, endedAtMs }) => (startedAtMs ?? 0) <= (closedAtMs ?? 0) && (closedAtMs ?? 0) < (endedAtMs ?? 0),
    )
    if (closedAtMs === null || stream === undefined || !responses.some(({ status }) => status === 'lost')) return []
    const sentBytes = Math.max(
      0,
      ...stream.receivedAt.filter(({ atMs }) => atMs <= closedAtMs).map(({ toByte }) => toByte),
    )
    const sounded = stream.played.filter(({ fromByte }) => fromByte < sentBytes)
    const silentFromMs = Math.max(
      closedAtMs,
      ...sounded.map(({ atMs, fromByte, toByte }) => atMs + millis(Math.min(toByte, sentBytes) - fromByte)),
    )
    const next = stream.played.find(({ toByte }) => toByte > sentBytes)
    if (next === undefined) return []
    const soundsAtMs = next.atMs + millis(Math.max(0, sentBytes - next.fromByte))
    const speaksAtMs = stream.sent.find(({ atMs, bytes }) => atMs >= silentFromMs && !isSilent(bytes))?.atMs
    return [
      { lostAtMs: closedAtMs, pauseMs: Math.max(0, Math.min(soundsAtMs, speaksAtMs ?? soundsAtMs) - silentFromMs) },
    ]
  })
}

const SILENCE = 0xff
const isSilent = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === SILENCE)

export const shortPause: Rule = {
  name: 'a caller whose model is lost in the middle of an answer hears the rest after a short pause',
  check: (given) =>
    pausesOf(given)
      .filter(({ lostAtMs, pauseMs }) => pauseMs > LONGEST_PAUSE_MS + refusedForMs(given, lostAtMs))
      .map(({ pauseMs }) => ({ explanation: `The caller heard nothing for ${Math.round(pauseMs)} ms` })),
}
