// Nobody but Twilio gets past the telephone's door: what is not signed, or not signed for exactly this, changes nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isSigned, parseForm, publicUrl, verifyHandshake } from '../../src/calls/verify.ts'
import { limits } from '../../src/config.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import {
  bodyOf,
  cedar,
  completed,
  type Fields,
  house,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  recordingDone,
  sid,
  sign,
  streamReport,
  type Telephone,
} from '../support/telephone.ts'

/** From Twilio's documentation and package: the auth token of all of them is 12345. */
const publishedToken = '12345'
const fromTheDocumentation = {
  CallSid: 'CA1234567890ABCDE',
  Caller: '+14158675310',
  Digits: '1234',
  From: '+14158675310',
  To: '+18005551212',
}
const fromThePackage = { ...fromTheDocumentation, Caller: '+12349013030', From: '+12349013030' }
const bodyHash = '5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9'
const published: [base: string, path: string, fields: Fields, signature: string][] = [
  ['https://example.com', '/myapp.php?foo=1&bar=2', fromTheDocumentation, 'L/OH5YylLD5NRKLltdqwSvS0BnU='],
  ['https://mycompany.com', '/myapp', fromThePackage, '3KI2uRuYyAdhZIJXcpU0izDUzWI='],
  ['https://x', '/y', { a: '', b: '1' }, 'c9CnkdFvGAiGre5fJ4RA1zPgd7c='],
  ['https://example.com', `/myapp?bodySHA256=${bodyHash}`, {}, 'hPXmLwIy3Fgqv1i9KPmH/HhQ6zo='],
  // Repeated values are signed sorted and once each.
  ['https://x', '/y', { a: ['2', '1', '1'] }, sign(publishedToken, 'https://x/ya1a2')],
]

describe('published signatures', () => {
  test.each(published)('%s%s is genuine as published, and not with another byte', (base, path, fields, signature) => {
    const body = bodyOf(fields)
    const request = new Request(`http://10.0.0.7:3000${path}`, { method: 'POST', body })
    const url = publicUrl(base, request)
    expect(isSigned(publishedToken, signature, url, parseForm(body))).toBe(true)
    expect(isSigned('12346', signature, url, parseForm(body))).toBe(false)
    expect(isSigned(publishedToken, signature.replace(/^./, 'A'), url, parseForm(body))).toBe(false)
    expect(isSigned(publishedToken, signature, `${url}x`, parseForm(body))).toBe(false)
    expect(isSigned(publishedToken, signature, url, parseForm(`${body}&z=`))).toBe(false)
  })

  test.each([
    ['wss://example.com/media', '7PR3qMkpDyEJtMrVOY/LDyNq8J8=', true],
    ['wss://example.com/media/', 'T+WBXwUXC0/CyoZ1DA+p9ilZORs=', true],
    ['https://example.com/media', sign(publishedToken, 'https://example.com/media'), false],
  ])('a handshake over %s', async (_url, signature, isGenuine) => {
    const account = { accountSid: 'AC1', authToken: publishedToken, organizationId: null, streamId: 'media' }
    const request = new Request('http://10.0.0.7/media', { headers: { 'x-twilio-signature': signature } })
    const proof = await verifyHandshake({ byStreamId: async () => account }, 'https://example.com', request)
    expect(proof.ok).toBe(isGenuine)
  })
})

describe('every route', () => {
  let telephone: Telephone
  const cedarAccount = { accountSid: `AC${'ce'.repeat(16)}`, authToken: 'the token of Cedar Grove' }
  const known = newCallSid()
  const routes: [path: string, fields: Fields][] = [
    ['/incoming-call', incoming(newCallSid())],
    ['/resume?after=stream-0', later(known)],
    ['/resume?after=voicemail', later(known, { RecordingSid: sid('RE', 9), RecordingDuration: '4' })],
    ['/resume?after=silence', later(known)],
    ['/fallback', later(known, { ErrorCode: '11200', ErrorUrl: `${publicBaseUrl}/api/twilio/incoming-call` })],
    ['/rehearsal', incoming(newCallSid())],
    ['/status', completed(newCallSid())],
    ['/recording', recordingDone(known, sid('RE', 8))],
    ['/stream-status', streamReport(known, sid('MZ', 1))],
  ]

  beforeAll(async () => {
    telephone = await openTelephone()
    const { deps } = telephone
    const seal = createSeal(deps.config.FRONTDESK_KEYS)
    await deps.db.withOrg(cedar.organizationId, (tx) =>
      saveTwilioCredentials(tx, { seal, ids: deps.ids }, cedar.organizationId, cedarAccount),
    )
    expect((await telephone.post('/incoming-call', incoming(known))).status).toBe(200)
    await telephone.until(() => telephone.vendors.dialled.length >= 1)
  })
  afterAll(() => telephone.end())

  async function refused(status: number, ...request: Parameters<Telephone['post']>): Promise<void> {
    const before = await telephone.everything()
    const [dialled, asked] = [telephone.vendors.dialled.length, telephone.vendors.asked.length]
    const response = await telephone.post(...request)
    expect(response.status).toBe(status)
    expect(await response.text()).not.toContain('<Response')
    expect(await telephone.everything()).toEqual(before)
    expect([telephone.vendors.dialled.length, telephone.vendors.asked.length]).toEqual([dialled, asked])
  }

  test.each(routes)('%s without a signature is refused, and nothing is written', async (path, fields) => {
    await refused(403, path, fields, { signature: null })
    await refused(403, path, fields, { signature: '' })
  })

  test.each(routes)('%s with a wrong signature is refused, and nothing is written', async (path, fields) => {
    await refused(403, path, fields, { signature: sign('another token', `${publicBaseUrl}/api/twilio${path}`, fields) })
    await refused(403, path, fields, { signature: 'no base64 at all' })
  })

  test.each(routes)('%s signed by another account is refused, and nothing is written', async (path, fields) => {
    await refused(403, path, fields, { authToken: cedarAccount.authToken })
    const inTheirName = { ...fields, AccountSid: cedarAccount.accountSid }
    await refused(403, path, inTheirName)
    await refused(403, path, { ...fields, AccountSid: `AC${'0'.repeat(32)}` })
  })

  test.each(routes)('%s in the name of nobody we know is refused, whatever the name', async (path, fields) => {
    const { AccountSid: _, ...nameless } = fields
    await refused(403, path, nameless)
    for (const AccountSid of ['', 'AC\0', '\ud800', "AC' or true --", 'x'.repeat(10_000)])
      await refused(403, path, { ...fields, AccountSid })
    await refused(403, path, { ...fields, AccountSid: [house.accountSid, cedarAccount.accountSid] })
  })

  test.each(routes)('%s signed for another URL is refused, and nothing is written', async (path, fields) => {
    for (const signedUrl of [
      `https://other.example/api/twilio${path}`,
      `http://frontdesk.example/api/twilio${path}`,
      `http://10.0.0.7:3000/api/twilio${path}`,
      `${publicBaseUrl}/api/twilio${path}${path.includes('?') ? '&' : '?'}after=voicemail`,
      `${publicBaseUrl}/api/twilio${path}/`,
    ])
      await refused(403, path, fields, { signedUrl })
  })

  test.each(routes)('%s with a parameter changed, added or taken away is refused', async (path, fields) => {
    const names = Object.keys(fields)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('change', 'add', 'remove', 'repeat'),
        fc.constantFrom(...names),
        fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom('__proto__', 'constructor', 'toString')),
        async (how, name, text) => {
          const sent = altered(fields, how, name, text)
          fc.pre(bodyOf(sent) !== bodyOf(fields) && signedText(sent) !== signedText(fields))
          const response = await telephone.post(path, fields, { sent })
          expect(response.status).toBe(403)
        },
      ),
      { numRuns: 60 },
    )
    await refused(403, path, fields, { sent: altered(fields, 'add', '', 'Extra') })
  })

  test.each(routes)('%s larger than any webhook is refused, whoever signed it', async (path, fields) => {
    await refused(413, path, { ...fields, Padding: 'x'.repeat(limits.webhookBodyBytes) })
  })

  test.each(routes)('%s by GET is not found', async (path) => {
    const response = await telephone.app.fetch(new Request(`http://x/api/twilio${path}`))
    expect(response.status).toBe(404)
  })

  test('a genuine request with fields unknown to us, empty ones and repeated ones is taken', async () => {
    const fields = incoming(newCallSid(), { Empty: '', SipHeader_X: ['b', 'a', 'b'], constructor: 'x', ключ: 'ž' })
    expect((await telephone.post('/incoming-call', fields)).status).toBe(200)
  })

  test('the signature is over the public URL, whatever host a proxy shows', async () => {
    for (const origin of ['http://x', 'http://frontdesk.example', 'http://localhost:3000', 'http://[::1]:1']) {
      const response = await telephone.post('/incoming-call', incoming(newCallSid()), { origin })
      expect(response.status).toBe(200)
    }
  })

  test('a genuine request that is not what its route takes is told so, and nothing is written', async () => {
    for (const [path, fields] of routes.slice(6)) {
      await refused(400, path, { AccountSid: house.accountSid })
      await refused(400, path, { ...fields, CallSid: 'CA1' })
      await refused(400, path, { ...fields, CallSid: [sid('CA', 1), sid('CA', 2)] })
    }
  })

  test('what is said of a refusal names no reason to the outside, and no number in the log', async () => {
    const response = await telephone.post('/incoming-call', incoming(newCallSid()), { signature: null })
    expect(await response.text()).toBe('Forbidden')
    expect(telephone.log.join('')).not.toMatch(/\+1555|token of/)
    expect(telephone.log.join('')).not.toContain(lakeside.number)
  })
})

function altered(fields: Fields, how: string, name: string, text: string): Fields {
  const { [name]: value = '', ...rest } = fields
  switch (how) {
    case 'change':
      return { ...rest, [name]: `${value}${text}` }
    case 'remove':
      return rest
    case 'repeat':
      return { ...rest, [name]: [String(value), text] }
    default:
      return Object.fromEntries([...Object.entries(fields), [text, 'x']])
  }
}

/** Twilio joins names and values without a seam, so that different fields can be the same text; those are no forgery of ours to find. */
const signedText = (fields: Fields): string =>
  Object.keys(fields)
    .sort()
    .map((name) =>
      [...new Set([fields[name] ?? ''].flat())]
        .sort()
        .map((value) => name + value)
        .join(''),
    )
    .join('')
