// A clinic file from disk: YAML, or JSON, which is YAML. Every fault is told with its file, line and column, all of them at
// once, and says what to do. What flags say besides takes the place of what the file says.
import { readFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import type { Scope } from '../agents/instructions.ts'
import { templateFault } from '../agents/template.ts'
import { type ClinicWish, clinicShape, toWish } from './clinic-shape.ts'
import { Mistake } from './mistake.ts'

const maxFileChars = 200_000
/** As the table has it. */
const maxInstructionsChars = 40_000

export type Texts = Partial<Record<Scope, string>>

type Path = readonly (string | number)[]
/** Where faults are told: a place in a file, or a flag. */
type Teller = (at: Path, message: string) => string

/** `path`: null when everything comes from flags. Throws a Mistake with a line for each fault. */
export async function readClinic(
  path: string | null,
  flags: Record<string, unknown>,
): Promise<{ wish: ClinicWish; texts: Texts }> {
  const file = path === null ? { given: {}, tell: ofFlags } : await readDocument(path)
  const tell: Teller = (at, message) => (isOfFlags(at, flags) ? ofFlags : file.tell)(at, message)
  const read = clinicShape.safeParse(merged(file.given, flags), { reportInput: true })
  if (!read.success) {
    const faults = read.error.issues.flatMap((issue) => explain(issue).map(([at, message]) => tell(at, message)))
    throw new Mistake(faults.join('\n'))
  }
  const wish = toWish(read.data)
  return { wish, texts: await readTexts(wish, path === null ? '.' : dirname(path), tell) }
}

/** A flag takes the place of a field, or of a part of a map: `--transfer` leaves the other settings of the file. */
const merged = (file: object, flags: Record<string, unknown>): object => ({
  ...file,
  ...Object.fromEntries(
    Object.entries(flags).map(([field, value]) => {
      const known: unknown = Reflect.get(file, field)
      return [field, isMapOfFields(value) && isMapOfFields(known) ? { ...known, ...value } : value]
    }),
  ),
})

const isMapOfFields = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isOfFlags([field = '', part = '']: Path, flags: Record<string, unknown>): boolean {
  const value = flags[field]
  return isMapOfFields(value) ? part in value : field in flags
}

async function readDocument(path: string): Promise<{ given: object; tell: Teller }> {
  const shown = relative(process.cwd(), path) || path
  const text = await readText(path, shown, maxFileChars)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${shown}:${line}:${col}`
  }
  if (document.errors.length > 0)
    throw new Mistake(document.errors.map(({ pos, message }) => `${place(pos[0])}: ${firstLine(message)}`).join('\n'))
  const given: unknown = document.toJS()
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Mistake(`${shown}:1:1: must be a map of fields, as in the README`)
  return { given, tell: (at, message) => `${place(offsetOf(document, at))}: ${nameOf(at)}${message}` }
}

/** yaml repeats the source below its message. */
const firstLine = (message: string): string => (message.split(/ at line|\n/)[0] ?? message).trim()

const ofFlags: Teller = (at, message) => {
  const [field = ''] = at
  return field === 'clinic'
    ? `its short name, as in "clinic add northside": ${message}`
    : `--${flagNames[field] ?? field}: ${message}`
}
/** Of fields whose flag is called something else. */
const flagNames: Record<string, string> = {
  timeZone: 'time-zone',
  admins: 'admin',
  numbers: 'number',
  services: 'service',
  providers: 'provider',
  closures: 'closed',
  settings: 'transfer',
}

async function readTexts({ instructions }: ClinicWish, folder: string, tell: Teller): Promise<Texts> {
  const texts: Texts = {}
  const faults: string[] = []
  for (const [scope, name] of Object.entries(instructions) as [Scope, string | undefined][]) {
    if (name === undefined) continue
    try {
      texts[scope] = await readInstructions(resolve(folder, name), name)
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      faults.push(tell(['instructions', scope], error.message))
    }
  }
  if (faults.length > 0) throw new Mistake(faults.join('\n'))
  return texts
}

/** A text that is fit to be instructions. Throws a Mistake. */
export async function readInstructions(path: string, shown = path): Promise<string> {
  return checkedInstructions(await readText(path, shown, maxInstructionsChars), shown)
}

export function checkedInstructions(text: string, shown: string): string {
  const trimmed = text.trim()
  if (trimmed === '') throw new Mistake(`${shown}: is empty`)
  if (trimmed.length > maxInstructionsChars) throw tooLong(shown, maxInstructionsChars)
  const wrong = templateFault(trimmed)
  if (wrong !== null) throw new Mistake(`${shown}: ${wrong}`)
  return trimmed
}

async function readText(path: string, shown: string, mostChars: number): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Mistake(`${shown}: cannot be read (${error.code})`)
  })
  if (text.length > mostChars) throw tooLong(shown, mostChars)
  return text
}

const tooLong = (shown: string, mostChars: number) => new Mistake(`${shown}: is longer than ${mostChars} characters`)

/** `providers[2].hours: `, or nothing for the file as a whole. */
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
      return issue.keys.map((key) => [[...path, key], 'a clinic has no such field here; the README lists them'])
    case 'invalid_type':
      return [[path, issue.input === undefined ? 'is missing' : typeMessage(issue)]]
    default:
      return [[path, issue.message]]
  }
}

/** zod's own words, unless the shape has better ones. */
const typeMessage = ({ message, expected }: { message: string; expected: string }): string =>
  message.startsWith('Invalid') ? `must be ${article(expected)}` : message

const article = (type: string): string => {
  const name = type === 'record' || type === 'object' ? 'map of fields' : type === 'array' ? 'list' : type
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`
}
