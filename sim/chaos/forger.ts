// Forges a request that the carrier signed: a signature that was overheard, under other content. Of a webhook it makes one of
// a call that there never was; of a callback one with another end of this call, or of a recording that nobody made.
import type { Random } from '../random.ts'

export type Forged = {
  init: RequestInit
  callSid: string
  /** What would be found in the ledger, had it been believed. */
  marks: string[]
}

/** Five weeks: no call lasts so long. */
const FORGED_SECONDS = '3024017'

export const createForger = (random: Random) => {
  const sid = (prefix: string) => `${prefix}${random.hex(32)}`

  /** `asks`: for TwiML. Null where there is no form. */
  return (init: RequestInit, asks: boolean): Forged | null => {
    if (typeof init.body !== 'string') return null
    const form = new URLSearchParams(init.body)
    const forge = (name: string, value: string): string[] => {
      if (!form.has(name)) return []
      form.set(name, value)
      return [value]
    }
    const marks = asks
      ? forge('CallSid', sid('CA'))
      : [
          ...forge('RecordingSid', sid('RE')),
          ...forge('StreamSid', sid('MZ')),
          ...forge('CallDuration', FORGED_SECONDS),
          ...forge('RecordingDuration', FORGED_SECONDS),
        ]
    if (!asks) forge('CallStatus', 'failed')
    forge('AnsweredBy', 'fax')
    // Of which nothing else could be told otherwise.
    form.set('Forged', 'true')
    return { init: { ...init, body: form.toString() }, callSid: form.get('CallSid') ?? '', marks }
  }
}
