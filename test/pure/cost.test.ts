// What a conversation costs: every kind of token at its own price, whatever shape the vendor tells it in.
import { describe, expect, test } from 'bun:test'
import { costOf, nanoUsdOf, type Usage } from '../../src/conversations/cost.ts'
import { type Prices, prices } from '../../src/conversations/prices.ts'

/** One dollar figure for each kind, a power of ten apart, so that a sum tells which of them went in. */
const told: Prices = {
  voice: {
    per: 'token',
    text: { input: 1, cached: 10, output: 100 },
    audio: { input: 1_000, cached: 10_000, output: 100_000 },
  },
  text: { per: 'token', text: { input: 2, cached: 1, output: 8 }, audio: { input: 2, cached: 1, output: 8 } },
  tape: { per: 'minute', usd: 0.6 },
}

const realtime = (usage: unknown, model = 'voice'): Usage => ({ source: 'realtime', model, usage })
const nanoUsd = (...usages: Usage[]): number => costOf(usages, told).nanoUsd

const wholeResponse = {
  total_tokens: 150,
  input_tokens: 110,
  output_tokens: 40,
  input_token_details: {
    text_tokens: 60,
    audio_tokens: 50,
    image_tokens: 0,
    cached_tokens: 64,
    cached_tokens_details: { text_tokens: 40, audio_tokens: 24, image_tokens: 0 },
  },
  output_token_details: { text_tokens: 10, audio_tokens: 30 },
}

describe('a realtime response', () => {
  test('costs each modality at its own price, and what was read before at the price of that', () => {
    // 20 text + 40 cached text + 10 said text; 26 audio + 24 cached audio + 30 said audio.
    expect(nanoUsd(realtime(wholeResponse))).toBe(
      1_000 * (20 * 1 + 40 * 10 + 10 * 100 + 26 * 1_000 + 24 * 10_000 + 30 * 100_000),
    )
  })

  test('that says only how much was cached, not of which kind, has text cached', () => {
    const { cached_tokens_details: _, ...details } = wholeResponse.input_token_details
    const usage = { ...wholeResponse, input_token_details: { ...details, cached_tokens: 40 } }
    expect(nanoUsd(realtime(usage))).toBe(1_000 * (20 + 40 * 10 + 10 * 100 + 50 * 1_000 + 30 * 100_000))
  })

  test('without details is text', () => {
    expect(nanoUsd(realtime({ input_tokens: 7, output_tokens: 3 }))).toBe(1_000 * (7 + 300))
  })

  test('never has more cached than was read', () => {
    const usage = { input_tokens: 10, output_tokens: 0, input_token_details: { cached_tokens: 5_000 } }
    expect(nanoUsd(realtime(usage))).toBe(1_000 * 10 * 10)
  })
})

describe('a transcription', () => {
  const transcription = (usage: unknown, model: string): Usage => ({ source: 'transcription', model, usage })

  test('is told in seconds, or in tokens of which ten are a second', () => {
    expect(nanoUsd(transcription({ type: 'duration', seconds: 30 }, 'tape'))).toBe(nanoUsdOf(0.3))
    const tokens = { type: 'tokens', input_tokens: 300, output_tokens: 9, input_token_details: { audio_tokens: 300 } }
    expect(nanoUsd(transcription(tokens, 'tape'))).toBe(nanoUsdOf(0.3))
  })

  test('told in seconds costs by the token where the price is by the token', () => {
    expect(nanoUsd(transcription({ type: 'duration', seconds: 2.5 }, 'text'))).toBe(1_000 * 25 * 2)
  })
})

test('a response in text tells its details under other names', () => {
  const usage = { input_tokens: 100, output_tokens: 10, input_tokens_details: { cached_tokens: 60 } }
  expect(nanoUsd({ source: 'responses', model: 'text', usage })).toBe(1_000 * (40 * 2 + 60 * 1 + 10 * 8))
})

test('the sum is the same in every order, and by model', () => {
  const usages = [
    realtime(wholeResponse),
    realtime({ input_tokens: 1, output_tokens: 1 }, 'text'),
    { source: 'transcription' as const, model: 'tape', usage: { type: 'duration', seconds: 1.7 } },
    realtime({ input_tokens: 3, output_tokens: 3 }, 'text'),
  ]
  const cost = costOf(usages, told)
  expect(costOf(usages.toReversed(), told)).toEqual(cost)
  expect(Object.keys(cost.byModel)).toEqual(['tape', 'text', 'voice'])
  expect(Object.values(cost.byModel).reduce((a, b) => a + b)).toBe(cost.nanoUsd)
  expect(Number.isInteger(cost.nanoUsd)).toBe(true)
})

test('a snapshot costs what its model does', () => {
  expect(costOf([realtime(wholeResponse, 'voice-2026-08-01')], told)).toMatchObject({
    nanoUsd: nanoUsd(realtime(wholeResponse)),
    assumed: [],
  })
})

test('a model that the list does not have is never free: it counts as the dearest, and is named', () => {
  const cost = costOf([realtime(wholeResponse, 'voice-next')], told)
  expect(cost).toEqual({
    nanoUsd: nanoUsd(realtime(wholeResponse)),
    byModel: { 'voice-next': cost.nanoUsd },
    assumed: ['voice-next'],
  })
})

test('what cannot be read costs nothing and breaks nothing', () => {
  for (const usage of [
    null,
    undefined,
    7,
    'x',
    [],
    {},
    { input_tokens: '9' },
    { input_tokens: -4, seconds: Number.NaN },
  ])
    expect(nanoUsd(realtime(usage))).toBe(0)
})

describe('the price list', () => {
  test('has every model that the settings assume', () => {
    for (const model of ['gpt-realtime-2.1', 'gpt-transcribe', 'gpt-5.4-mini'])
      expect(Object.keys(prices)).toContain(model)
  })

  test('has no cached token that is dearer than a fresh one, and none that is free', () => {
    for (const price of Object.values(prices)) {
      if (price.per === 'minute') expect(price.usd).toBeGreaterThan(0)
      else
        for (const { input, cached, output } of [price.text, price.audio]) {
          expect(cached).toBeGreaterThan(0)
          expect(cached).toBeLessThanOrEqual(input)
          expect(output).toBeGreaterThan(input)
        }
    }
  })
})
