// What the carrier says: in the clinic's words and languages, and in the caller's once it is known.
import { describe, expect, test } from 'bun:test'
import { noticeOf, spokenTo, tapeWords } from '../../src/calls/wording.ts'
import { organizationSettings } from '../../src/organizations/settings.ts'
import type { Organization } from '../../src/organizations/store.ts'

const clinic = (language: string, settings: object = {}): Organization => ({
  id: 'o',
  name: 'Lakeside',
  timeZone: 'America/New_York',
  language,
  settings: organizationSettings.parse(settings),
})
const busy = ({ busy }: { busy: string }) => busy
const languagesIn = (spoken: { language: string }[]) => spoken.map(({ language }) => language)

describe('as long as nobody knows what the caller speaks', () => {
  test('it is said in each of the clinic’s languages, its own first and in its own words', () => {
    const spoken = spokenTo(clinic('en', { languages: ['es-MX', 'fr'] }), null, busy, 'We are all on the phone.')
    expect(languagesIn(spoken)).toEqual(['en', 'es-MX', 'fr'])
    expect(spoken[0]?.text).toBe('We are all on the phone.')
    expect(spoken[1]?.text).toContain('ocupadas')
  })

  test('a clinic that has worded nothing speaks its own language, and one that is not built in English', () => {
    expect(spokenTo(clinic('de'), null, busy)).toMatchObject([
      { text: expect.stringContaining('belegt'), language: 'de' },
    ])
    expect(spokenTo(clinic('pl', { languages: ['cs'] }), null, busy)).toMatchObject([
      { text: expect.stringContaining('busy'), language: 'en' },
    ])
  })

  test('the notice of a recording is said to everybody, and never where nothing is recorded', () => {
    expect(noticeOf(clinic('en', { languages: ['es'] })).map(({ text }) => text)).toEqual([
      'This call is recorded.',
      'Esta llamada se graba.',
    ])
    expect(noticeOf(clinic('en', { recordingNotice: 'We record.' }))).toEqual([{ text: 'We record.', language: 'en' }])
    expect(noticeOf(clinic('en', { recordCalls: false }))).toEqual([])
  })
})

describe('a caller whose language is known', () => {
  test('hears it in theirs alone, and the clinic’s own words only where they are in it', () => {
    const organization = clinic('en', { languages: ['es'] })
    expect(languagesIn(spokenTo(organization, 'es', busy, 'Own words.'))).toEqual(['es'])
    expect(spokenTo(organization, 'es', tapeWords('nobodyCame'))[0]?.text).toContain('después de la señal')
    expect(spokenTo(organization, 'en-GB', busy, 'Own words.')).toEqual([{ text: 'Own words.', language: 'en-GB' }])
  })
})
