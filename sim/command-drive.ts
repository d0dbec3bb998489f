// `sim ring`, `say`, `dtmf`, `hangup`, `sms` and `tail`: what a terminal can have a running `sim up` do, each a line to people or one
// JSON object to machines.
import type { Method } from './carrier/twiml.ts'
import { createConsole } from './console.ts'
import { follow, order } from './up-door.ts'

type Common = { carrier?: string; json?: boolean }
export type RingFlags = Common & {
  to: string
  from: string
  webhook?: string
  method: Method
  publicUrl?: string
  fallback?: string
  statusCallback?: string
  field: Record<string, string>
}
export type CallFlags = Common & { call?: string }
export type SmsFlags = Common & {
  to: string
  from: string
  webhook?: string
  method: Method
  publicUrl?: string
  media: string[]
  field: Record<string, string>
}

export async function ringCommand({ carrier, json, field: fields, ...call }: RingFlags): Promise<void> {
  const answer = await order(carrier, 'ring', { ...call, fields })
  tell(json, answer, `${answer.callSid} rings ${call.to}`)
}

export async function sayCommand(
  words: string,
  { carrier, json, ...given }: CallFlags & { voice?: string },
): Promise<void> {
  const answer = await order(carrier, 'say', { words, ...given })
  tell(json, answer, `${answer.callSid} says “${answer.words}” (${(answer.lastsMs / 1000).toFixed(1)} s)`)
}

export async function dtmfCommand(digits: string, { carrier, json, call }: CallFlags): Promise<void> {
  const answer = await order(carrier, 'dtmf', { digits, call })
  tell(json, answer, `${answer.callSid} presses ${answer.digits}`)
}

export async function hangupCommand({ carrier, json, call }: CallFlags): Promise<void> {
  const answer = await order(carrier, 'hangup', { call })
  tell(json, answer, `${answer.callSid} hangs up`)
}

/** Exits with 1 when the message came to a problem. */
export async function smsCommand(body: string, { carrier, json, field: fields, ...given }: SmsFlags): Promise<void> {
  // Whoever writes to WhatsApp does so from there.
  const [, channel = ''] = /^(whatsapp:)/.exec(given.to) ?? []
  const from = given.from.startsWith(channel) ? given.from : channel + given.from
  const answer = await order(carrier, 'sms', { body, fields, ...given, from })
  const { messageSid, replies, problems } = answer
  const lines = [
    `${messageSid}  ${from} → ${given.to}: ${body}`,
    ...problems.map(({ code, text }) => `  logs ${code}: ${text}`),
    ...replies.map((reply) => `  ${reply.from} → ${reply.to}: ${[reply.body, ...reply.mediaUrls].join('  ')}`),
    ...(replies.length === 0 ? ['  no reply'] : []),
  ]
  tell(json, answer, lines.join('\n'))
  process.exitCode = problems.length === 0 ? 0 : 1
}

/** Until the carrier is no more, or Ctrl-C. */
export async function tailCommand({ carrier, json, frames }: Common & { frames?: boolean }): Promise<void> {
  const screen = createConsole(process.stdout, process.env)
  for await (const line of follow(carrier, frames === true)) {
    if (json) console.log(line)
    else screen.entry(JSON.parse(line))
  }
  console.error('The carrier has ended.')
}

const tell = (isForMachines: boolean | undefined, answer: object, words: string): void =>
  console.log(isForMachines ? JSON.stringify(answer) : words)
