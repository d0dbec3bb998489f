// The parts of the call made by hand, for those who break it.
import type { AuditedCall } from './audited-call.ts'

/** A rule, how the call is broken, and what breaks it. */
export type Breaking = [rule: string, what: string, act: (call: AuditedCall) => void]

export const item = (call: AuditedCall, itemId: string) => {
  const found = call.session.items.find((each) => each.itemId === itemId)
  if (found === undefined) throw new Error(`There is no ${itemId}`)
  return found
}
export const utterance = (call: AuditedCall, itemId: string) => {
  const found = call.server.events.find(({ fact }) => fact.itemId === itemId)
  if (found === undefined) throw new Error(`There is no turn ${itemId}`)
  return found
}
export const factOf = (call: AuditedCall, key: string) => {
  const found = call.server.events.find((event) => event.key === key)
  if (found === undefined) throw new Error(`There is no event ${key}`)
  return found
}
export const without = (bytes: Uint8Array, from: number, count: number) =>
  Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + count)])
export const withMore = (bytes: Uint8Array, from: number, more: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, from), more, bytes.subarray(from)])
export const silence = (ms: number) => new Uint8Array(ms * 8).fill(0xff)
/** The byte of the caller's audio, or of the model's input, at an instant of the call. */
export const byteAt = (ms: number) => (ms - 100) * 8
/** As if the agent's answer had been cut `heardMs` after it began. */
export function cutAnswerAt(call: AuditedCall, heardMs: number) {
  const [played, cleared] = [call.stream.played[1], call.stream.cleared[0]]
  if (played === undefined || cleared === undefined) throw new Error('There is no cut')
  played.toByte = cleared.fromByte = played.fromByte + heardMs * 8
  cleared.atMs = played.atMs + heardMs
}
/** As if a server had dropped, or sent on, another part of the answer than all of it. */
export function sendOnOfAnswer(call: AuditedCall, sentMs: number) {
  const [answer, goodbye] = [12_800, 24_000]
  call.stream.received = without(call.stream.received, answer + sentMs * 8, goodbye - sentMs * 8)
  const dropped = goodbye - sentMs * 8
  for (const ranges of [call.stream.played, call.stream.cleared])
    for (const range of ranges) {
      if (range.fromByte >= answer + goodbye) range.fromByte -= dropped
      if (range.toByte >= answer + goodbye) range.toByte -= dropped
    }
  call.stream.marks = call.stream.marks
    .filter(({ atByte }) => atByte <= answer + sentMs * 8 || atByte > answer + goodbye)
    .map((mark) => (mark.atByte > answer + goodbye ? { ...mark, atByte: mark.atByte - dropped } : mark))
}
