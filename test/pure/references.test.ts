// A script's references to what tools have answered.
import { describe, expect, test } from 'bun:test'
import { filledIn, malformedIn } from '../../sim/model/references.ts'

const answers = [
  { tool: 'find', output: '{"slots":[{"slot":1,"when":"at nine"}]}' },
  { tool: 'search', output: '{"name":"Dana"}' },
  { tool: 'find', output: '{"slots":[{"slot":4,"when":"at ten"},{"slot":5}]}' },
]

describe('a reference', () => {
  test('alone is the value itself, of the last answer of its tool; within a text it is text', () => {
    expect<unknown>(
      filledIn({ slot: '{{last.find.slots.1.slot}}', say: 'It is {{ last.find.slots.0.when }}.' }, answers),
    ).toEqual({
      value: { slot: 5, say: 'It is at ten.' },
      unknown: [],
    })
  })

  test('to what no tool has answered is named, and stays as it stands', () => {
    expect(filledIn(['{{last.find.slots.7.slot}}', '{{last.other.x}}'], answers)).toEqual({
      value: ['{{last.find.slots.7.slot}}', '{{last.other.x}}'],
      unknown: ['{{last.find.slots.7.slot}}', '{{last.other.x}}'],
    })
    expect(filledIn('{{last.find.x}}', [{ tool: 'find', output: 'not JSON' }]).unknown).toHaveLength(1)
  })

  test('that is none is found in a script before it runs', () => {
    expect(malformedIn('{{last.find.slots.0}} and {{find.slots}} and {{last.find')).toEqual([
      '{{find.slots}}',
      '{{last.find',
    ])
  })

  test('leaves everything else as it is', () => {
    const script = { slot: 1, is: true, none: null, list: ['x'] }
    expect(filledIn(script, answers)).toEqual({ value: script, unknown: [] })
  })
})
