// The REST API's numbers: found, fetched, and pointed elsewhere. What is changed holds from the next call on.
// Source: twilio.com/docs/phone-numbers/api/incomingphonenumber-resource. Numbers are neither bought nor given back here.
import type { CarrierNumber } from './exchange.ts'
import { API_VERSION } from './params.ts'
import { type Ask, methodIn, type Route } from './rest-route.ts'
import { notFound, pageJson } from './rest-shapes.ts'

/** `numbers`: changed in place. */
export function numberRoutes(numbers: readonly CarrierNumber[], sidOf: (number: CarrierNumber) => string): Route[] {
  const ownOf = ({ account }: Ask) => numbers.filter(({ accountSid }) => accountSid === account.accountSid)
  const withNumber = (ask: Ask, sid: string | undefined, answer: (number: CarrierNumber) => void) => {
    const number = ownOf(ask).find((each) => sidOf(each) === sid)
    if (number === undefined) return notFound(ask.path)
    answer(number)
    return Response.json(numberJson(number, sidOf(number)))
  }
  const one = /^\/IncomingPhoneNumbers\/(PN\w+)\.json$/
  return [
    {
      method: 'GET',
      path: /^\/IncomingPhoneNumbers\.json$/,
      answer(ask) {
        const wanted = ask.query.get('PhoneNumber')
        const shown = ownOf(ask).filter(({ phoneNumber }) => wanted === null || isLike(phoneNumber, wanted))
        const listed = shown.map((number) => numberJson(number, sidOf(number)))
        return Response.json(pageJson('incoming_phone_numbers', listed, ask.path, ask.query))
      },
    },
    { method: 'GET', path: one, answer: (ask, sid) => withNumber(ask, sid, () => {}) },
    { method: 'POST', path: one, answer: (ask, sid) => withNumber(ask, sid, (number) => change(number, ask.form)) },
  ]
}

/** Part of a number finds it, too; `*` stands for any digit. */
function isLike(phoneNumber: string, wanted: string): boolean {
  const pattern = wanted.replace(/[^\d*]/g, '').replaceAll('*', '\\d')
  return new RegExp(pattern).test(phoneNumber)
}

/** A field that is not there stays; one that is empty is emptied. */
function change(number: CarrierNumber, form: URLSearchParams): void {
  const given = (name: string, fallback: string | undefined) => form.get(name) ?? fallback ?? ''
  const method = (name: string, fallback: CarrierNumber['voiceMethod']) =>
    form.has(name) ? methodIn(form, name) : fallback
  number.friendlyName = given('FriendlyName', number.friendlyName)
  number.voiceUrl = given('VoiceUrl', number.voiceUrl)
  number.voiceFallbackUrl = given('VoiceFallbackUrl', number.voiceFallbackUrl)
  number.statusCallback = given('StatusCallback', number.statusCallback)
  number.voiceApplicationSid = given('VoiceApplicationSid', number.voiceApplicationSid)
  number.voiceMethod = method('VoiceMethod', number.voiceMethod)
  number.voiceFallbackMethod = method('VoiceFallbackMethod', number.voiceFallbackMethod)
  number.statusCallbackMethod = method('StatusCallbackMethod', number.statusCallbackMethod)
}

function numberJson(number: CarrierNumber, sid: string) {
  const { accountSid, phoneNumber } = number
  return {
    sid,
    account_sid: accountSid,
    phone_number: phoneNumber,
    friendly_name: number.friendlyName ?? phoneNumber,
    voice_url: number.voiceUrl,
    voice_method: number.voiceMethod ?? 'POST',
    voice_fallback_url: number.voiceFallbackUrl ?? '',
    voice_fallback_method: number.voiceFallbackMethod ?? 'POST',
    voice_caller_id_lookup: false,
    voice_application_sid: number.voiceApplicationSid || null,
    voice_receive_mode: 'voice',
    sms_url: '',
    sms_method: 'POST',
    sms_fallback_url: '',
    sms_fallback_method: 'POST',
    sms_application_sid: '',
    status_callback: number.statusCallback ?? '',
    status_callback_method: number.statusCallbackMethod ?? 'POST',
    trunk_sid: null,
    address_sid: null,
    address_requirements: 'none',
    identity_sid: null,
    bundle_sid: null,
    emergency_status: 'Inactive',
    emergency_address_sid: null,
    emergency_address_status: 'unregistered',
    capabilities: { voice: true, sms: false, mms: false, fax: false },
    beta: false,
    origin: 'twilio',
    status: 'in-use',
    type: 'local',
    api_version: API_VERSION,
    date_created: null,
    date_updated: null,
    uri: `/${API_VERSION}/Accounts/${accountSid}/IncomingPhoneNumbers/${sid}.json`,
  }
}
