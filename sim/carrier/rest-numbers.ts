// The REST API's incoming phone numbers: found by number, and pointed elsewhere.
// Source: twilio.com/docs/phone-numbers/api/incomingphonenumber-resource. Buying and releasing are not here.
import type { Exchange } from './exchange.ts'
import type { OwnedNumber } from './numbers.ts'
import { type Ask, methodIn, type Route } from './rest-route.ts'
import { errorResponse, notFound, numberJson, pageJson } from './rest-shapes.ts'

/** The parameters that are addresses, and the fields that they set. */
const urls = {
  VoiceUrl: 'voiceUrl',
  VoiceFallbackUrl: 'voiceFallbackUrl',
  StatusCallback: 'statusCallback',
  SmsUrl: 'smsUrl',
  SmsFallbackUrl: 'smsFallbackUrl',
} as const
const methods = {
  VoiceMethod: 'voiceMethod',
  VoiceFallbackMethod: 'voiceFallbackMethod',
  StatusCallbackMethod: 'statusCallbackMethod',
  SmsMethod: 'smsMethod',
  SmsFallbackMethod: 'smsFallbackMethod',
} as const

export function numberRoutes({ numbers, clock, settings }: Exchange): Route[] {
  const withNumber = (ask: Ask, sid: string | undefined, answer: (number: OwnedNumber) => Response) => {
    const number = numbers.ofAccount(ask.account.accountSid).find(({ numberSid }) => numberSid === sid)
    return number ? answer(number) : notFound(ask.path)
  }
  const one = /^\/IncomingPhoneNumbers\/(PN\w+)\.json$/
  return [
    {
      method: 'GET',
      path: /^\/IncomingPhoneNumbers\.json$/,
      answer({ account, path, query }) {
        const wanted = query.get('PhoneNumber')
        const name = query.get('FriendlyName')
        if (settings.hasEveryNumber && wanted !== null && isWhole.test(wanted) && numbers.find(wanted) === undefined)
          numbers.put({ phoneNumber: wanted, accountSid: account.accountSid }, clock.now())
        const found = numbers
          .ofAccount(account.accountSid)
          .filter(({ phoneNumber }) => wanted === null || isLike(phoneNumber, wanted))
          .filter(({ friendlyName }) => name === null || friendlyName === name)
        return Response.json(pageJson('incoming_phone_numbers', found.map(numberJson), path, query))
      },
    },
    {
      method: 'GET',
      path: one,
      answer: (ask, sid) => withNumber(ask, sid, (number) => Response.json(numberJson(number))),
    },
    {
      method: 'POST',
      path: one,
      answer: (ask, sid) =>
        withNumber(ask, sid, (number) => {
          const { form, path } = ask
          for (const name of Object.keys(urls)) {
            const url = form.get(name) ?? ''
            if (url !== '' && !/^https?:\/\//.test(url)) return errorResponse(21502, path, `${name} is not a valid URL`)
          }
          return Response.json(numberJson(numbers.put({ ...number, ...changesIn(form) }, clock.now())))
        }),
    },
  ]
}

const isWhole = /^\+[1-9]\d{6,14}$/

/** Part of a number finds it, too; `*` stands for any digit. */
function isLike(phoneNumber: string, wanted: string): boolean {
  const pattern = wanted.replace(/[^\d*]/g, '').replaceAll('*', '\\d')
  return new RegExp(pattern).test(phoneNumber)
}

/** What is not named stays; an empty URL takes the one there was away. */
function changesIn(form: URLSearchParams): Partial<OwnedNumber> {
  const given = <T>(names: Record<string, string>, read: (name: string) => T) =>
    Object.entries(names).flatMap(([name, field]) => (form.has(name) ? [[field, read(name)] as const] : []))
  return Object.fromEntries([
    ...given(urls, (name) => form.get(name) ?? ''),
    ...given(methods, (name) => methodIn(form, name)),
    ...given(
      { FriendlyName: 'friendlyName', VoiceApplicationSid: 'voiceApplicationSid' },
      (name) => form.get(name) ?? '',
    ),
  ])
}
