// Words that stand for an emergency: found in whatever a caller says, and not in words that only look like them.
import { describe, expect, test } from 'bun:test'
import { emergencyIn, usualMessages, usualPhrases, withoutUnfinishedWord } from '../../src/agents/emergency.ts'
import { organizationSettings } from '../../src/organizations/settings.ts'

const alarms = [
  'Help, my father cannot breathe.',
  "He CAN'T   breathe!",
  'She can’t breathe',
  'I have, uh, chest pain.',
  "I don't have chest pain.",
  'I think it is a stroke',
  '¡Mi hijo no respira!',
  'Tiene convulsiones',
  'Le dio un ataque al corazon',
  'Mein Mann ist bewußtlos... er ist bewusstlos',
  'Er hat einen Schlaganfall',
  'Sie hat eine Uberdosis genommen',
  "Il s'étouffe",
  'elle ne respire plus',
]

const none = [
  'I would like to book a check-up.',
  'My heartbeat is fine; I attack the day.',
  'Two keystrokes, please.',
  'Backstroke is my favourite.',
  'My chest cold is better.',
  'The painter is in my chestnut tree.',
  '',
]

describe('words of an emergency', () => {
  for (const text of alarms) {
    test(`are heard in: ${text}`, () => expect(emergencyIn(text, usualPhrases)).not.toBeNull())
  }

  for (const text of none) {
    test(`are not heard in: ${text}`, () => expect(emergencyIn(text, usualPhrases)).toBeNull())
  }

  test('may be a clinic’s own, and then only those; where words are not spaced, anywhere', () => {
    expect(emergencyIn('my tooth was knocked out', ['knocked out'])).toBe('knocked out')
    expect(emergencyIn('chest pain', ['knocked out'])).toBeNull()
    expect(emergencyIn('父が息をしていません', ['息をしていません'])).toBe('息をしていません')
    expect(emergencyIn('anything', ['!!'])).toBeNull()
  })

  test('are not read into the beginning of a longer word that is still being written down', () => {
    expect(withoutUnfinishedWord('he drew a stroke')).toBe('he drew a ')
    expect(withoutUnfinishedWord('chest pain, and')).toBe('chest pain, ')
    expect(withoutUnfinishedWord('no puedo respirar.')).toBe('no puedo respirar.')
  })
})

describe('the settings', () => {
  test('are on for a clinic that has chosen nothing, and name only people on its list', () => {
    const { emergency, keypad } = organizationSettings.parse({})
    expect([emergency.isOn, emergency.phrases, emergency.contact, keypad.operator]).toEqual([true, null, null, null])
    const nurse = { targets: [{ name: 'the nurse', phoneNumber: '+15550109999' }] }
    for (const wrong of [{ emergency: { contact: 'nobody' } }, { keypad: { operator: 'nobody' } }])
      expect(organizationSettings.safeParse({ transfer: nurse, ...wrong }).error?.message).toContain('transfer.targets')
    const chosen = { emergency: { contact: 'the nurse' }, keypad: { operator: 'the nurse' } }
    expect(organizationSettings.safeParse({ transfer: nurse, ...chosen }).success).toBe(true)
  })

  test('the usual text says what to do, with the number where there is one, in four languages', () => {
    for (const isPutThrough of [true, false]) {
      for (const text of Object.values(usualMessages({ number: '112', isPutThrough }))) expect(text).toContain('112')
      const without = Object.values(usualMessages({ number: null, isPutThrough }))
      expect(new Set(without).size).toBe(4)
      for (const text of without) expect(text.length).toBeLessThan(300)
    }
  })
})
