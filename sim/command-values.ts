// What is written on the command line, read: numbers of telephones and of ports.
import { InvalidArgumentError } from 'commander'
import { callerPattern } from './carrier/numbers.ts'
import type { Answering } from './script.ts'

export function phoneNumber(text: string): string {
  if (/^\+[1-9]\d{6,14}$/.test(text)) return text
  throw new InvalidArgumentError('A phone number begins with + and its country code, such as +15551234567.')
}

export function webUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  throw new InvalidArgumentError('It is not a URL: give http://… or https://….')
}

export function callerAddress(text: string): string {
  if (callerPattern.test(text)) return text
  throw new InvalidArgumentError(
    'It is a number such as +15550102030; or anonymous, unknown, client:name or sip:name@host.',
  )
}

/** A phone number, or one of WhatsApp. */
export function textAddress(text: string): string {
  if (/^(whatsapp:)?\+[1-9]\d{6,14}$/.test(text)) return text
  throw new InvalidArgumentError('It is a number such as +15551234567, or whatsapp:+15551234567.')
}

export function portNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value
  throw new InvalidArgumentError('A port is 1 to 65535.')
}

/** Of an option that may be given again. */
export const several = (text: string, before: string[]): string[] => [...before, text]

/** `+15550101111=busy`: somebody, and how they answer. */
export function person(
  text: string,
  before: { number: string; answers: Answering }[],
): { number: string; answers: Answering }[] {
  const [, number = '', answer = ''] = /^(.+)=(.+)$/.exec(text) ?? []
  const [, seconds] = /^(\d{1,3})s$/.exec(answer) ?? []
  if (answer === 'busy' || answer === 'never' || answer === 'unreachable')
    return [...before, { number: phoneNumber(number), answers: answer }]
  if (seconds !== undefined)
    return [...before, { number: phoneNumber(number), answers: { afterMs: 1_000 * Number(seconds) } }]
  throw new InvalidArgumentError('It is a number and busy, never, unreachable or a time: +15550101111=busy.')
}

/** `ButtonPayload=yes`, beside those before it. */
export function named(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([A-Za-z][A-Za-z0-9_-]*)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('It is a name and a value: ButtonPayload=yes.')
  return { ...before, [name]: value }
}
