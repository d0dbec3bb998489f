// Mails of other conversations are left out of what a call is judged by, and no others.
import { expect, test } from 'bun:test'
import { ownMails } from '../../sim/inbox/own-mails.ts'

test('a mail that was planned for another conversation is none of the call’s; its own and those of nobody are', () => {
  const mail = (id: string, idempotencyKey: string | null) => ({
    ...{ id, idempotencyKey, atMs: 0, from: 'a@clinic.example', to: [], subject: '', html: '', text: '' },
  })
  const request = (idempotencyKey: string | null) => ({ atMs: 0, idempotencyKey, status: 200, error: null })
  const keys = ['own', 'before', null, 'of nobody']
  const record = { messages: keys.map((key, at) => mail(String(at), key)), requests: keys.map(request) }
  const left = ownMails(record, new Set(['before']))
  for (const each of [left.messages, left.requests])
    expect(each.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['own', null, 'of nobody'])
})
