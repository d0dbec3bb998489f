// What was asked of `sim call`, and the fixture that follows from it.
import { expect, test } from 'bun:test'
import { fixtureOf } from '../../sim/wish.ts'

const asked = (given: object) => fixtureOf({ fixture: 'default', seed: '1', json: false, ...given })

test('whoever calls in place of the fixture’s caller is expected in the row', async () => {
  const usual = await asked({})
  expect(usual.expect.row.from_number).toBe(usual.call.from)
  const withheld = await asked({ from: 'anonymous' })
  expect([withheld.call.from, withheld.expect.row.from_number]).toEqual(['anonymous', 'anonymous'])
})

test('what goes wrong with the model is added to the fixture’s own, and nothing is expected of the talk', async () => {
  const faults = { transcripts: ['failed' as const] }
  const wrong = await asked({ fixture: 'model-expires', modelFaults: { text: '', faults } })
  const { isAltered, model } = await asked({ fixture: 'model-expires' })
  expect([isAltered, wrong.isAltered]).toEqual([undefined, true])
  expect(wrong.model.faults).toEqual({ ...model.faults, ...faults })
  expect(model.faults).not.toHaveProperty('transcripts')
})
