// PURE. What a fault can take, and how it is written: a share, a span of time, a duration, instants, names of callbacks.
// Each kind reads its text and writes it back, and knows its range.
import { z } from 'zod'

/** A recording of a long call can take minutes. Beyond the mail's own deadline a delay is a loss. */
export const longestDelayMs = 10 * 60_000
/** Twilio gives up after 15 s. */
export const longestSlownessMs = 14_000
/** More refusals than anybody comes back for. */
const timesMax = 20
/** No call that is put through faults is longer. */
const latestMs = 15 * 60_000
const instantsMax = 10

/** By which callbacks are told apart: those of a call's or leg's status by their rung, the others by what they are about. */
export const callbackNames = [
  'initiated',
  'ringing',
  'answered',
  'completed',
  'recording',
  'stream',
  'detection',
  'conference',
] as const
export type CallbackName = (typeof callbackNames)[number]

export type Parameter<Fields extends z.ZodRawShape = z.ZodRawShape> = {
  /** As help shows it, after the fault's name. */
  shown: string
  fields: Fields
  /** What it is when nothing is given; undefined: something must be. */
  usual?: string
  /** The fields in the text that follows the name; null when it cannot be read. Ranges are the fields' own. */
  read(text: string): Record<string, unknown> | null
  write(fields: Record<string, unknown>): string
  remedy(name: string): string
}

const ms = (mostMs: number) =>
  z
    .int('is not in whole ms')
    .min(0, 'is negative')
    .max(mostMs, `is more than ${told(mostMs)}`)

const none: Parameter<Record<never, never>> = {
  shown: '',
  fields: {},
  read: (text) => (text === '' ? {} : null),
  write: () => '',
  remedy: (name) => `${name} takes no value`,
}

const usualShare = 0.3
const share: Parameter<{ share: z.ZodNumber }> = {
  shown: '=0.3',
  fields: { share: z.number('is not a number').gt(0, 'is not more than 0').max(1, 'is more than 1') },
  usual: String(usualShare),
  read: (text) => (text === '' ? { share: usualShare } : numberIn(text)),
  write: ({ share: given }) => `=${given}`,
  remedy: (name) => `Give a share, above 0 and up to 1: ${name}=0.3`,
}
const numberIn = (text: string) => (/^=\d*\.?\d+(e-\d+)?$/.test(text) ? { share: Number(text.slice(1)) } : null)

const usualSpan = { fromMs: 0, toMs: 40_000 }
const span: Parameter<{ fromMs: z.ZodInt; toMs: z.ZodInt }> = {
  shown: '=0..40s',
  fields: { fromMs: ms(longestDelayMs), toMs: ms(longestDelayMs) },
  usual: '0..40s',
  read(text) {
    if (text === '') return usualSpan
    const [, from, to = ''] = /^=(?:([^.]*)\.\.)?(.+)$/.exec(text) ?? []
    const toMs = durationIn(to)
    // `5..40s`: the unit stands once.
    const fromMs = from === undefined ? toMs : /^\d+$/.test(from) ? durationIn(from + unitOf(to)) : durationIn(from)
    return toMs === null || fromMs === null || fromMs > toMs ? null : { fromMs, toMs }
  },
  write: ({ fromMs, toMs }) => (fromMs === toMs ? `=${told(toMs)}` : `=${told(fromMs)}..${told(toMs)}`),
  remedy: (name) => `Give the shortest and the longest: ${name}=0..40s, or ${name}=500ms..2s`,
}

const duration: Parameter<{ byMs: z.ZodInt }> = {
  shown: '=3s',
  fields: { byMs: ms(longestSlownessMs) },
  read(text) {
    const byMs = text.startsWith('=') ? durationIn(text.slice(1)) : null
    return byMs === null ? null : { byMs }
  },
  write: ({ byMs }) => `=${told(byMs)}`,
  remedy: (name) => `Say how long, up to ${told(longestSlownessMs)}: ${name}=3s, or ${name}=800ms`,
}

const instants: Parameter<{ atMs: z.ZodArray<z.ZodInt> }> = {
  shown: '@12s',
  fields: { atMs: z.array(ms(latestMs)).min(1, 'is empty').max(instantsMax, `has more than ${instantsMax} instants`) },
  read(text) {
    if (!text.startsWith('@')) return null
    const atMs = text.slice(1).split('+').map(durationIn)
    return atMs.some((each) => each === null) ? null : { atMs }
  },
  write: ({ atMs }) => `@${(atMs as number[]).map(told).join('+')}`,
  remedy: (name) => `Say when, counted from when the call is placed: ${name}@12s, or ${name}@12s+20s`,
}

const count: Parameter<{ times: z.ZodInt }> = {
  shown: '=2',
  fields: { times: z.int('is not a whole number').min(1, 'is less than 1').max(timesMax, `is more than ${timesMax}`) },
  read: (text) => (/^=\d+$/.test(text) ? { times: Number(text.slice(1)) } : null),
  write: ({ times }) => `=${times}`,
  remedy: (name) => `Say how often, up to ${timesMax}: ${name}=2`,
}

const callbacks: Parameter<{ callbacks: z.ZodArray<z.ZodEnum<{ [N in CallbackName]: N }>> }> = {
  shown: '=recording+completed',
  fields: { callbacks: z.array(z.enum(callbackNames)).min(1, 'is empty') },
  read(text) {
    const names = text.startsWith('=') ? text.slice(1).split('+') : []
    return names.length > 0 && names.every(isCallbackName) ? { callbacks: names } : null
  },
  write: ({ callbacks: names }) => `=${(names as string[]).join('+')}`,
  remedy: (name) => `Say which of ${callbackNames.join(', ')}: ${name}=recording+completed`,
}
const isCallbackName = (name: string): boolean => callbackNames.some((each) => each === name)

export const parameters = { none, share, span, duration, instants, count, callbacks }

const units = { ms: 1, s: 1_000, m: 60_000 }
const unitOf = (text: string): string => /[a-z]*$/.exec(text)?.[0] ?? ''

/** `12s`, `1.5s`, `800ms`, `2m`, or 0, as ms; null when it is none of them. */
function durationIn(text: string): number | null {
  if (text === '0') return 0
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  return number === undefined ? null : Math.round(Number(number) * units[unit as keyof typeof units])
}

/** As durationIn reads it. */
function told(givenMs: unknown): string {
  const timeMs = Number(givenMs)
  if (timeMs === 0) return '0'
  return timeMs % 1_000 === 0 ? `${timeMs / 1_000}s` : `${timeMs}ms`
}
export const toldMs = told
