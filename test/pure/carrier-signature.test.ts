// X-Twilio-Signature: our own signing against the published vectors, and against Twilio's own check.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import twilio from 'twilio'
import { type Fields, signForm, signUrl } from '../../sim/carrier/signature.ts'

const TOKEN = '12345'
const caller = (number: string): Fields => [
  ['CallSid', 'CA1234567890ABCDE'],
  ['Caller', number],
  ['Digits', '1234'],
  ['From', number],
  ['To', '+18005551212'],
]
const BODY = '{"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"}'

describe('the published vectors', () => {
  const vectors: [what: string, signature: string, expected: string][] = [
    [
      'a form with a query',
      signForm(TOKEN, 'https://example.com/myapp.php?foo=1&bar=2', caller('+14158675310')),
      'L/OH5YylLD5NRKLltdqwSvS0BnU=',
    ],
    ['a form', signForm(TOKEN, 'https://mycompany.com/myapp', caller('+12349013030')), '3KI2uRuYyAdhZIJXcpU0izDUzWI='],
    [
      'an empty value',
      signForm(TOKEN, 'https://x/y', [
        ['b', '1'],
        ['a', ''],
      ]),
      'c9CnkdFvGAiGre5fJ4RA1zPgd7c=',
    ],
    [
      'a repeated name',
      signForm(TOKEN, 'https://x/y', [
        ['a', '2'],
        ['a', '1'],
        ['a', '1'],
      ]),
      signUrl(TOKEN, 'https://x/ya1a2'),
    ],
    ['a media socket', signUrl(TOKEN, 'wss://example.com/media'), '7PR3qMkpDyEJtMrVOY/LDyNq8J8='],
    ['a media socket with a slash', signUrl(TOKEN, 'wss://example.com/media/'), 'T+WBXwUXC0/CyoZ1DA+p9ilZORs='],
    [
      'a JSON body',
      signUrl(TOKEN, `https://example.com/myapp?bodySHA256=${twilio.getExpectedBodyHash(BODY)}`),
      'hPXmLwIy3Fgqv1i9KPmH/HhQ6zo=',
    ],
  ]
  test.each(vectors)('%s', (_, signature, expected) => expect(signature).toBe(expected))
})

describe("what is signed passes Twilio's own check", () => {
  const fields = fc.array(fc.tuple(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary' })), {
    maxLength: 20,
  })

  test('any form, repeated names included', () =>
    fc.assert(
      fc.property(fields, (form) => {
        const params: Record<string, string[]> = Object.create(null)
        for (const [name, value] of form) (params[name] ??= []).push(value)
        const url = 'https://frontdesk.example/api/twilio/status?a=1&b=%20'
        expect(twilio.validateRequest(TOKEN, signForm(TOKEN, url, form), url, params)).toBe(true)
      }),
    ))

  test.each([
    'https://frontdesk.example:8443/a?x=1',
    'http://127.0.0.1:4000/a',
    'https://frontdesk.example/',
    'https://frontdesk.example/a/?q=%2B1&r=a+b',
  ])('a GET of %s', (url) => expect(twilio.validateRequest(TOKEN, signUrl(TOKEN, url), url, {})).toBe(true))

  test('neither fragment nor credentials are signed, and voice over TLS signs no port', () => {
    const plain = signUrl(TOKEN, 'https://h.example/a?b=1')
    expect(signUrl(TOKEN, 'https://user:secret@h.example/a?b=1#rc=3')).toBe(plain)
    expect(signUrl(TOKEN, 'https://h.example:8443/a?b=1')).toBe(plain)
    expect(signUrl(TOKEN, 'http://h.example:8080/a')).not.toBe(signUrl(TOKEN, 'http://h.example/a'))
  })
})
