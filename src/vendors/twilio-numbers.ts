// An account's telephone numbers at Twilio: where a call to one is sent, and to send it elsewhere. Asked by whoever sets a
// clinic up or looks after a deployment, never while a call is up.
// Source: twilio.com/docs/phone-numbers/api/incomingphonenumber-resource.
import { type Outcome, ok } from '../lib/outcome.ts'
import type { TelephonyAccount, TelephonyProblem } from './telephony.ts'
import { ask, clientsOf, type TwilioOptions } from './twilio.ts'

/** Each as `POST https://…`; empty where nothing is set. */
export type Webhooks = { voice: string; fallback: string; status: string }

export type TwilioNumber = {
  numberSid: string
  webhooks: Webhooks
  /** Of an application or a trunk that stands before the webhooks, which then count for nothing; null: of none. */
  overriddenBy: { what: 'application' | 'trunk'; sid: string } | null
}

export type TwilioNumbers = {
  /** Null when the account has no such number. */
  find(account: TelephonyAccount, phoneNumber: string): Promise<Outcome<TwilioNumber | null, TelephonyProblem>>
  /** Sends calls there, all by POST, and past no application. */
  point(
    account: TelephonyAccount,
    numberSid: string,
    urls: { voice: string; fallback: string; status: string },
  ): Promise<Outcome<TwilioNumber, TelephonyProblem>>
}

/** Twilio finds numbers by a part of them, too. */
const maxAlike = 20

export function createTwilioNumbers(options: TwilioOptions): TwilioNumbers {
  const clientOf = clientsOf(options)
  return {
    async find(account, phoneNumber) {
      const listed = await ask('find number', () =>
        clientOf(account).incomingPhoneNumbers.list({ phoneNumber, limit: maxAlike }),
      )
      if (!listed.ok) return listed
      const found = listed.value.find((number) => number.phoneNumber === phoneNumber)
      return ok(found === undefined ? null : numberOf(found))
    },
    point: (account, numberSid, { voice, fallback, status }) =>
      ask('point number', async () =>
        numberOf(
          await clientOf(account).incomingPhoneNumbers(numberSid).update({
            voiceUrl: voice,
            voiceMethod: 'POST',
            voiceFallbackUrl: fallback,
            voiceFallbackMethod: 'POST',
            statusCallback: status,
            statusCallbackMethod: 'POST',
            voiceApplicationSid: '',
          }),
        ),
      ),
  }
}

type Listed = {
  sid: string
  voiceUrl: string | null
  voiceMethod: string
  voiceFallbackUrl: string | null
  voiceFallbackMethod: string
  statusCallback: string | null
  statusCallbackMethod: string
  voiceApplicationSid: string | null
  trunkSid: string | null
}

function numberOf(listed: Listed): TwilioNumber {
  const { sid, voiceApplicationSid, trunkSid } = listed
  const application = voiceApplicationSid ? ({ what: 'application', sid: voiceApplicationSid } as const) : null
  return {
    numberSid: sid,
    webhooks: {
      voice: webhook(listed.voiceMethod, listed.voiceUrl),
      fallback: webhook(listed.voiceFallbackMethod, listed.voiceFallbackUrl),
      status: webhook(listed.statusCallbackMethod, listed.statusCallback),
    },
    overriddenBy: trunkSid ? { what: 'trunk', sid: trunkSid } : application,
  }
}

const webhook = (method: string, url: string | null): string => (url ? `${method} ${url}` : '')
