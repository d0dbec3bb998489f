// Fixtures from disk: found by name or path, read, checked and completed with their audio. Every fault is told with its
// file, line and column, all of them at once, and says what to do.

import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type Capture, readCapture } from './capture/capture.ts'
import { type FixtureFile, fixtureShape, toFixture } from './fixture-shape.ts'
import { Mistake } from './mistake.ts'
import type { Fixture } from './script.ts'

const folder = fileURLToPath(new URL('./fixtures', import.meta.url))
/** A minute of speech. */
const MAX_AUDIO_BYTES = 60 * 8_000
/** An hour of a call: its frames and events, and its sound both ways, twice where it was recorded. */
const MAX_CAPTURE_BYTES = 64 * 1024 * 1024
const MAX_CAPTURED_AUDIO_BYTES = 4 * 60 * 60 * 8_000
const MAX_FIXTURE_CHARS = 200_000

/** Its message has a line for each fault: `sim/fixtures/x.yaml:14:5: caller[2].audio: …`. */
export class FixtureFault extends Mistake {}

/** The names of the fixtures that come with the simulator, sorted. */
export async function listFixtures(): Promise<string[]> {
  const files = await readdir(folder)
  return files.flatMap((file) => (file.endsWith('.yaml') ? basename(file, '.yaml') : [])).sort()
}

/** A name of listFixtures, or the path of a .yaml file. Throws a FixtureFault. */
export async function loadFixture(pathOrName: string): Promise<Fixture> {
  const script = await readScript(await findFile(pathOrName))
  const audio = await readAudio(script)
  const fixture = toFixture(script.file, basename(script.path, '.yaml'), (path) => audio.get(path) ?? new Uint8Array())
  const capture = await readCaptured(script)
  return capture === null ? fixture : { ...fixture, capture }
}

export type SpokenLine = { words: string; voice: string | undefined; path: string }

/** What people say in a fixture, and where the audio of it is kept or belongs. Throws a FixtureFault. */
export async function linesOf(pathOrName: string): Promise<SpokenLine[]> {
  const { file, path } = await readScript(await findFile(pathOrName))
  return stepsOf(file).flatMap(({ step: { say, audio, voice } }) =>
    say === undefined || audio === undefined ? [] : [{ words: say, voice, path: resolve(dirname(path), audio) }],
  )
}

/** What a fixture consists of, as it is written. Throws a FixtureFault. */
export async function textsOf(pathOrName: string): Promise<{ path: string; text: string }[]> {
  const { path, file, text } = await readScript(await findFile(pathOrName))
  if (file.capture === undefined) return [{ path, text }]
  const captured = resolve(dirname(path), file.capture.file)
  return [
    { path, text },
    { path: captured, text: await readFile(captured, 'utf8') },
  ]
}

/** What a capture has kept of the people in its call, as a fault; none, if nothing. Throws a FixtureFault. */
export async function keptIn(pathOrName: string): Promise<string[]> {
  const { file, fault } = await readScript(await findFile(pathOrName))
  const { kept = [] } = file.capture ?? {}
  if (kept.length === 0) return []
  return [fault(['capture', 'kept'], `the ${kept.join(' and ')} of a real call: record it again without --keep`)]
}

async function findFile(pathOrName: string): Promise<string> {
  if (/[/\\]|\.ya?ml$/.test(pathOrName)) return resolve(pathOrName)
  const names = await listFixtures()
  if (names.includes(pathOrName)) return join(folder, `${pathOrName}.yaml`)
  throw new FixtureFault(
    `There is no fixture '${pathOrName}'. There are ${names.join(', ')}; or give a path ending in .yaml`,
  )
}

type Path = readonly (string | number)[]
/** A file that has the right shape, and how to tell of a fault in it. */
type Script = { path: string; text: string; file: FixtureFile; fault(at: Path, message: string): string }

async function readText(path: string): Promise<{ path: string; shown: string; text: string }> {
  const shown = relative(process.cwd(), path)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new FixtureFault(`${shown}: cannot be read (${error.code}); give a fixture's name, or a path ending in .yaml`)
  })
  if (text.length > MAX_FIXTURE_CHARS)
    throw new FixtureFault(`${shown}: is longer than ${MAX_FIXTURE_CHARS} characters`)
  return { path, shown, text }
}

async function readScript(path: string): Promise<Script> {
  const { shown, text } = await readText(path)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${shown}:${line}:${col}`
  }
  const fault = (at: Path, message: string) => `${place(offsetOf(document, at))}: ${nameOf(at)}${message}`
  if (document.errors.length > 0)
    throw new FixtureFault(
      document.errors.map(({ pos, message }) => `${place(pos[0])}: ${firstLine(message)}`).join('\n'),
    )
  const read = fixtureShape.safeParse(document.toJS(), { reportInput: true })
  if (read.success) return { path, text, file: read.data, fault }
  const faults = read.error.issues.flatMap((issue) => explain(issue).map(([at, message]) => fault(at, message)))
  throw new FixtureFault(faults.join('\n'))
}

/** yaml repeats the source below its message. */
const firstLine = (message: string): string => (message.split(/ at line|\n/)[0] ?? message).trim()

/** `caller[2].audio: `, or nothing for the file as a whole. */
function nameOf(path: Path): string {
  const name = path.reduce<string>(
    (sofar, key) => (typeof key === 'number' ? `${sofar}[${key}]` : `${sofar}.${key}`),
    '',
  )
  return name === '' ? '' : `${name.replace(/^\./, '')}: `
}

/** Where in the text a field stands, by its key; of a field that is missing, where it belongs. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const key = path[length - 1]
    const parent = document.getIn(path.slice(0, length - 1), true) ?? document.contents
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined
    if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0]
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function explain(issue: z.core.$ZodIssue): [Path, string][] {
  const path = issue.path.filter((key) => typeof key !== 'symbol')
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => [[...path, key], 'fixtures have no such field here; see sim/fixtures/README.md'])
    case 'invalid_type':
      return [
        [
          path,
          issue.input === undefined
            ? `is missing; it is ${article(issue.expected)}`
            : `must be ${article(issue.expected)}`,
        ],
      ]
    case 'invalid_value':
      return [[path, issue.message.startsWith('Invalid') ? `must be one of ${issue.values.join(', ')}` : issue.message]]
    default:
      return [[path, issue.message]]
  }
}

const article = (type: string): string => {
  const name = type === 'record' || type === 'object' ? 'map of fields' : type === 'array' ? 'list' : type
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`
}

/** The steps of everybody on the telephone, and where they stand. */
const stepsOf = ({ caller, people }: FixtureFile) => [
  ...caller.map((step, place) => ({ step, at: ['caller', place] })),
  ...people.flatMap(({ does }, who) => does.map((step, place) => ({ step, at: ['people', who, 'does', place] }))),
]

async function readAudio({ path, file, fault }: Script): Promise<Map<string, Uint8Array>> {
  const audio = new Map<string, Uint8Array>()
  const faults: string[] = []
  for (const { step, at } of stepsOf(file)) {
    if (step.audio === undefined) continue
    const bytes = await readFile(resolve(dirname(path), step.audio)).catch(() => null)
    const wrong =
      bytes === null
        ? 'does not exist; make it with: bun sim/fixtures/record.ts'
        : bytes.length === 0 || bytes.length > MAX_AUDIO_BYTES
          ? `has ${bytes.length} bytes; it must be μ-law at 8 kHz, without a header, a minute at the most`
          : null
    if (wrong !== null) faults.push(fault([...at, 'audio'], `file ${step.audio} ${wrong}`))
    if (bytes !== null) audio.set(step.audio, new Uint8Array(bytes))
  }
  if (faults.length > 0) throw new FixtureFault(faults.join('\n'))
  return audio
}

async function readCaptured({ path, file: { capture }, fault }: Script): Promise<Capture | null> {
  if (capture === undefined) return null
  const read = async (field: 'file' | 'audio', mostBytes: number): Promise<Uint8Array> => {
    const bytes = await readFile(resolve(dirname(path), capture[field])).catch((error: NodeJS.ErrnoException) => {
      throw new FixtureFault(fault(['capture', field], `file ${capture[field]} cannot be read (${error.code})`))
    })
    if (bytes.length <= mostBytes) return new Uint8Array(bytes)
    throw new FixtureFault(fault(['capture', field], `file ${capture[field]} is larger than ${mostBytes} bytes`))
  }
  const text = new TextDecoder().decode(await read('file', MAX_CAPTURE_BYTES))
  const audio = await read('audio', MAX_CAPTURED_AUDIO_BYTES)
  try {
    return readCapture(text, audio, Date.parse(capture.began))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new FixtureFault(fault(['capture', 'file'], `file ${capture.file} cannot be used: ${why}`))
  }
}
