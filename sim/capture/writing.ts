// Makes a fixture of a call that was seen: takes the people out of it, as far as was not asked otherwise, and writes three files
// beside each other: the fixture, its events, its sound.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { createRandom } from '../random.ts'
import { ends } from './calls.ts'
import { type Capture, introductionOf, isOutbound, writeCapture } from './capture.ts'
import { captureOf } from './collecting.ts'
import { type Keeping, redacted } from './redacting.ts'
import type { Seen } from './tap.ts'
import { vocabularyOf } from './vocabulary.ts'
import { createStranger } from './words.ts'

export type Redaction = {
  keeps: Keeping
  replace: readonly (readonly [from: string, to: string])[]
  /** The number of the fixture's clinic, in place of the one that was called. */
  clinic: string
  /** Decides nothing but which words stand for which: not to be told. */
  secret: string
}

/** The capture as it may be kept. */
export function keptOf(seen: readonly Seen[], { keeps, replace, clinic, secret }: Redaction): Capture {
  const capture = captureOf(seen)
  const stranger = createStranger(createRandom(secret), {
    keepsWords: keeps.words,
    keepsNumbers: keeps.numbers,
    replace: [...replace].sort(([a], [b]) => b.length - a.length),
    clinic: { from: numbersIn(capture).clinic, to: clinic },
    vocabulary: vocabularyOf(seen),
  })
  return redacted(capture, stranger, keeps)
}

/** Answers with the files written, the fixture first. */
export async function writeFixture(
  folder: string,
  name: string,
  capture: Capture,
  keeps: Keeping,
): Promise<[fixture: string, ...others: string[]]> {
  const [fixture, events, audio] = [`${name}.yaml`, `${name}.capture.jsonl`, `${name}.ulaw`]
  const began = new Date(capture.beganAtMs).toISOString()
  const kept = Object.entries(keeps).flatMap(([what, isKept]) => (isKept ? [what] : []))
  const text = stringify({
    version: 1,
    date: began.slice(0, 10),
    about: 'A call that took place, as it went over the wires.',
    capture: { file: events, audio, began, kept },
    call: callIn(capture),
    caller: [],
    model: {},
    expect: { row: { call_status: endIn(capture) } },
  })
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, events), writeCapture(capture))
  await writeFile(join(folder, audio), capture.audio)
  await writeFile(join(folder, fixture), text)
  return [join(folder, fixture), join(folder, events), join(folder, audio)]
}

/** The clinic's number, and the other one. */
function numbersIn(capture: Capture): { clinic: string; other: string } {
  const { From: from = '', To: to = '' } = introductionOf(capture)
  return isOutbound(capture) ? { clinic: from, other: to } : { clinic: to, other: from }
}

/** Of a call that the server placed, it is asked for again; what for, was never on the wires. */
function callIn(capture: Capture) {
  const { clinic, other } = numbersIn(capture)
  if (!isOutbound(capture)) return { to: clinic, from: other }
  return { direction: 'outbound', from: clinic, to: other, purpose: 'To have the call once more.' }
}

/** The last that the carrier told of it: of several endings there is none but this. */
function endIn(capture: Capture): string {
  const { CallSid: callSid } = introductionOf(capture)
  const told = capture.events.flatMap((event) =>
    event.wire === 'webhook' && 'request' in event && event.request.fields.CallSid === callSid
      ? (event.request.fields.CallStatus ?? [])
      : [],
  )
  return told.findLast((status) => ends.has(status)) ?? 'completed'
}
