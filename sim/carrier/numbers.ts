// The numbers of a carrier's accounts, with where their calls and messages go. They can be given another way at any time, by
// REST or by whoever runs the carrier; a call that is up keeps the one it began with.
import type { Random } from '../random.ts'
import type { CarrierNumber } from './exchange.ts'
import { createSid } from './sids.ts'

export type OwnedNumber = Required<CarrierNumber> & {
  readonly numberSid: string
  changedAtMs: number
}

/** What is not named stays as it is, or is empty. */
export type NumberChange = Pick<CarrierNumber, 'phoneNumber' | 'accountSid'> & Partial<CarrierNumber>

export type Numbers = {
  /** Of an address such as `whatsapp:+15551234567`, the number. */
  find(address: string): OwnedNumber | undefined
  ofAccount(accountSid: string): OwnedNumber[]
  owns(accountSid: string, address: string): boolean
  /** Takes a number in; one that is there already goes where this says. */
  put(number: NumberChange, nowMs: number): OwnedNumber
}

/** Who calls: a number, or what Twilio gives in the place of one. */
export const callerPattern = /^(\+[1-9]\d{6,14}|anonymous|unknown|client:[\w.-]{1,64}|sip:[\w.-]{1,64}@[\w.-]{1,64})$/

export const plainNumber = (address: string): string => address.replace(/^whatsapp:/, '')

const unset = {
  voiceUrl: '',
  friendlyName: '',
  voiceApplicationSid: '',
  voiceMethod: 'POST',
  voiceFallbackUrl: '',
  voiceFallbackMethod: 'POST',
  statusCallback: '',
  statusCallbackMethod: 'POST',
  smsUrl: '',
  smsMethod: 'POST',
  smsFallbackUrl: '',
  smsFallbackMethod: 'POST',
} as const

export function createNumbers(given: readonly CarrierNumber[], random: Random, nowMs: number): Numbers {
  const kept = new Map<string, OwnedNumber>()
  const numbers: Numbers = {
    find: (address) => kept.get(plainNumber(address)),
    ofAccount: (accountSid) => [...kept.values()].filter((number) => number.accountSid === accountSid),
    owns: (accountSid, address) => numbers.find(address)?.accountSid === accountSid,
    put(number, atMs) {
      const before = kept.get(number.phoneNumber)
      const numberSid = before?.numberSid ?? createSid('PN', random.child(number.phoneNumber))
      const friendlyName = (number.friendlyName ?? before?.friendlyName) || number.phoneNumber
      const after = { ...unset, ...before, ...number, friendlyName, numberSid, changedAtMs: atMs }
      kept.set(number.phoneNumber, after)
      return after
    },
  }
  for (const number of given) numbers.put(number, nowMs)
  return numbers
}
