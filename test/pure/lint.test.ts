// What may be a real patient is found in a fixture, wherever it stands; what is nobody's is left alone.
import { describe, expect, test } from 'bun:test'
import { castOf } from '../../sim/lint/cast.ts'
import { lintText } from '../../sim/lint/lint.ts'

const cast = castOf(['Dana Reyes', 'Okafor', 'Cedar Grove'])
const found = (text: string) => lintText(text, cast).map(({ message }) => message.split(':')[0])

describe('the lint finds', () => {
  test.each([
    ["from: '+12125550200'", "+12125550200 may be somebody's telephone"],
    ['# rings +44 20 7946 1000', "+44 20 7946 1000 may be somebody's telephone"],
    ["to: '+4930123456'", "+4930123456 may be somebody's telephone"],
    ['say: Call (212) 867-5309.', "(212) 867-5309 may be somebody's telephone"],
    ['say: It is 867-5309.', "867-5309 may be somebody's telephone"],
    ['say: 2128675309', "2128675309 may be somebody's telephone"],
    [
      'say: Two one two, eight six seven, five three oh nine',
      "Two one two, eight six seven, five three oh nine may be somebody's telephone",
    ],
    ['say: My number is 536-22-1234.', '536-22-1234 looks like a US social security number'],
    ['say: 401 023 2137', '401 023 2137 looks like an NHS number'],
    ['x: AB 12 34 56 C', 'AB 12 34 56 C looks like a UK national insurance number'],
    ['x: 12345678Z', '12345678Z looks like a Spanish identity number'],
    ['x: 1 84 12 76 451 089 46', '1 84 12 76 451 089 46 looks like a French social security number'],
    ['x: 2EG4-TE5-MK73', '2EG4-TE5-MK73 looks like a US Medicare number'],
    ['x: 4111 1111 1111 1111', '4111 1111 1111 1111 looks like the number of a payment card'],
    ['to: [jane@clinic.com]', 'jane@clinic.com looks like an e-mail address that may reach somebody'],
    ['x: jane@example.co', 'jane@example.co looks like an e-mail address that may reach somebody'],
    [`x: sk-proj-${'a'.repeat(24)}`, `sk-proj-${'a'.repeat(24)} looks like a key or token of a vendor`],
    ['say: This is Margaret.', "Margaret may be somebody's name"],
    ['say: Margaret Thornton here.', "Thornton may be somebody's name"],
    ['say: I see Dr. Thornton.', "Thornton may be somebody's name"],
    ['say: Ask Dana, Margaret or him.', "Margaret may be somebody's name"],
    ['about: the doctor’s Zoë', "Zoë may be somebody's name"],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual([expected])
  })

  test('where it stands', () => {
    const text = "version: 1\nabout: A call.\n  # for Margaret\ncall: { from: '+12125550200' }\n"
    expect(lintText(text, cast)).toEqual([
      { line: 3, column: 9, message: expect.stringContaining("Margaret may be somebody's name") },
      { line: 4, column: 16, message: expect.stringContaining('+12125550200') },
    ])
  })
})

describe('the lint leaves alone', () => {
  test.each([
    "to: '+15551234567'",
    "to: '+12125550142'",
    "to: '+442079460123'",
    "to: '+447700900123'",
    "to: '+33639981234'",
    "to: '+61491570156'",
    'say: Call 555-0142, or (212) 555-0142.',
    'say: five five five, oh one four two',
    "at: '2040-01-02T15:00:00Z'",
    "starts: '2040-01-04 13:00'",
    'expires_at: 1764000000, duration_ms: 1200000',
    'say: April twelfth, eighty eight.',
    'x: 987-65-4320',
    'x: 401 023 2138',
    'x: 12345678A',
    'x: 4111 1111 1111 1112',
    'x: 1EG4-TE5-MK73',
    'to: [a@lakeside.example, b@c.test, d@e.invalid, f@example.com]',
    'say: Good morning. This is Dana Reyes for Dr. Okafor at Cedar Grove, on Monday in Spanish.',
    'body: <Response><Connect><Stream url="wss://frontdesk.example/a"/></Connect></Response>',
    '{"Timestamp":"Mon, 02 Jan 2040 15:00:00 +0000","expires_at":2209132800}',
    '{"CallSid":"CA12","CallStatus":"completed"}',
  ])('%s', (text) => {
    expect(found(text)).toEqual([])
  })
})
