// Makes a fixture of a call that was seen: takes the people out of it, as far as was not asked otherwise, and writes three files
// beside each other: the fixture, its events, its sound.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { createRandom } from '../random.ts'
import { type Capture, writeCapture } from './capture.ts'
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
    clinic: { from: calledIn(capture), to: clinic },
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
  const from = fieldOf(capture, 'From')
  const text = stringify({
    version: 1,
    date: began.slice(0, 10),
    about: 'A call that took place, as it went over the wires.',
    capture: { file: events, audio, began, kept },
    call: { to: calledIn(capture), from },
    caller: [],
    model: {},
    expect: { row: { call_status: 'completed' } },
  })
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, events), writeCapture(capture))
  await writeFile(join(folder, audio), capture.audio)
  await writeFile(join(folder, fixture), text)
  return [join(folder, fixture), join(folder, events), join(folder, audio)]
}

const calledIn = (capture: Capture): string => fieldOf(capture, 'To')

/** Of the first request of the call. */
function fieldOf({ events }: Capture, name: string): string {
  const first = events.find((event) => event.wire === 'webhook' && 'request' in event)
  return first !== undefined && 'request' in first ? (first.request.fields[name] ?? '') : ''
}
