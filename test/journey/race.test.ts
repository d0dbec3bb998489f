// What a call delivers, delivered again in other orders, on two servers and one database: the tool itself must find one
// outcome where there is one, and must have tried what it says it tried.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { simulateCall } from '../../sim/call.ts'
import { openPostgres, type Postgres } from '../../sim/house.ts'
import { race } from '../../sim/race/race.ts'
import { createSpeech, speechFolder } from '../../sim/speech.ts'
import { fixtureOf } from '../../sim/wish.ts'

setDefaultTimeout(60_000)

const seed = '7'
const speech = createSpeech({ cacheFolder: speechFolder })
let postgres: Postgres

beforeAll(async () => {
  postgres = await openPostgres(() => {})
})
afterAll(() => postgres.stop())

const callOf = async (name: string) => {
  const fixture = await fixtureOf({ fixture: name, seed, json: false })
  const quiet = { onProgress: () => {}, onTrace: () => {} }
  return simulateCall({ fixture, seed, isVirtual: true, speech, postgres, ...quiet })
}

test('a call has one outcome and one mail in every order, and calls that deliver the same are raced once', async () => {
  const options = { seed, shuffles: 6, raced: new Map<string, string>(), postgres, speech, onProgress: () => {} }
  const first = await race(await callOf('says-nothing'), options)
  expect(first.pure).toMatchObject({ outcomes: 1 })
  expect(first.counterexample).toBeNull()
  // As it was, doubled, six shuffles; and the neighbours that can change places.
  const tried = 'sameAs' in first.database ? 0 : first.database.tried
  expect(tried).toBeGreaterThan(8)
  expect(first.database).toMatchObject({ outcomes: 1, mails: tried, mailsWanted: tried })
  const times = Object.fromEntries(first.cases.map(({ name, times }) => [name, times]))
  expect(times).toMatchObject({ 'webhook on two machines at once': expect.any(Number) })
  expect(times['same callback on two machines at once']).toBeGreaterThan(0)

  const again = await race(await callOf('emergency'), options)
  expect(again.pure).toMatchObject({ outcomes: 1 })
  expect([again.database, options.raced.size]).toEqual([{ sameAs: 'says-nothing' }, 1])
})

test('an outcome that depends on the order is found, and told with the order and the place where it differs', async () => {
  const original = await callOf('says-nothing')
  // Twilio tells two lengths of one call in what must be taken for the same callback twice: whichever comes first, stays.
  const entries = original.trace.entries.flatMap((entry) =>
    entry.what.endsWith('/status') && entry.from === 'carrier'
      ? [entry, { ...entry, body: { ...(entry.body as object), CallDuration: '999' } }]
      : [entry],
  )
  const options = { seed, shuffles: 6, raced: new Map<string, string>(), postgres, speech, onProgress: () => {} }
  const result = await race({ ...original, trace: { ...original.trace, entries } }, options)
  expect('sameAs' in result.database ? 0 : result.database.outcomes).toBeGreaterThan(1)
  expect(result.counterexample?.difference).toMatch(/^conversation\.\S*(duration|Duration)\S*: wanted \d+, got \d+$/)
  expect(result.counterexample?.order.flat()).toContain('status completed')
})
