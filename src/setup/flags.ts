// PURE. The flags of `bun clinic add`, as the fields of a clinic file that they stand for. What they say is checked there.
import { Mistake } from './mistake.ts'

export type Flags = {
  name?: string
  timeZone?: string
  language?: string
  admin?: string[]
  number?: string[]
  hours?: string[]
  closed?: string[]
  service?: string[]
  provider?: string[]
  transfer?: string[]
  instructions?: string
  greeting?: string
}

export function clinicFlags(handle: string | undefined, flags: Flags): Record<string, unknown> {
  const { instructions, greeting, transfer } = flags
  const texts = present({ base: instructions, greeting })
  const given = {
    clinic: handle,
    name: flags.name,
    timeZone: flags.timeZone,
    language: flags.language,
    admins: flags.admin,
    numbers: flags.number,
    hours: flags.hours,
    closures: flags.closed,
    services: flags.service?.map(serviceOf),
    providers: flags.provider?.map(providerOf),
    settings: transfer === undefined ? undefined : { transfer: { targets: transfer.map(targetOf) } },
    instructions: Object.keys(texts).length === 0 ? undefined : texts,
  }
  return present(given)
}

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function serviceOf(text: string) {
  const [, name, minutes, buffer = '0'] = /^(.*\S)\s+(\d+)(?:\+(\d+))?$/.exec(text.trim()) ?? []
  if (name === undefined) throw new Mistake('--service: is a name and minutes, as "Check-up 30" or "Sick visit 20+10"')
  return { name, minutes: Number(minutes), bufferMinutes: Number(buffer) }
}

function providerOf(text: string) {
  const [name = '', ...about] = text.split(',').map((part) => part.trim())
  return about.length === 0 ? { name } : { name, about: about.join(', ') }
}

function targetOf(text: string) {
  const [, name, phoneNumber] = /^(.*\S)\s+(\+\d+)$/.exec(text.trim()) ?? []
  if (name === undefined) throw new Mistake('--transfer: is a name and a number, as "the nurse +13125550199"')
  return { name, phoneNumber }
}
