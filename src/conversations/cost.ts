// PURE. What a conversation has cost so far, from the set of its usages. In billionths of a dollar, because a cached token
// costs less than a millionth: whole numbers, so that the sum is the same in every order.
import type { FactOf } from './events.ts'
import type { ModelPrice, Prices, TokenRates } from './prices.ts'

export type Usage = Pick<FactOf<'usage'>, 'source' | 'model' | 'usage'>

export type Cost = {
  nanoUsd: number
  /** The same by the model's name. */
  byModel: Record<string, number>
  /** Models that the price list does not have: counted as the dearest of their kind, so that no ceiling is blind to them. */
  assumed: string[]
}

export const nanoUsdOf = (usd: number): number => Math.round(usd * 1e9)

export function costOf(usages: Iterable<Usage>, prices: Prices): Cost {
  const byModel: Record<string, number> = {}
  const assumed = new Set<string>()
  for (const usage of usages) {
    const { model } = usage
    const known = priceOf(model, prices)
    if (known === null) assumed.add(model)
    const nanoUsd = known === null ? dearest(usage, prices) : charge(usage.usage, known)
    byModel[model] = (byModel[model] ?? 0) + nanoUsd
  }
  const models = Object.keys(byModel).sort()
  return {
    nanoUsd: models.reduce((sum, model) => sum + (byModel[model] ?? 0), 0),
    byModel: Object.fromEntries(models.map((model) => [model, byModel[model] ?? 0])),
    assumed: [...assumed].sort(),
  }
}

/** A snapshot, `gpt-realtime-2.1-2026-08-01`, costs what its model does. */
const priceOf = (model: string, prices: Prices): ModelPrice | null =>
  prices[model] ?? prices[model.replace(/-\d{4}-\d{2}-\d{2}$/, '')] ?? null

const dearest = ({ usage }: Usage, prices: Prices): number =>
  Math.max(0, ...Object.values(prices).map((price) => charge(usage, price)))

function charge(usage: unknown, price: ModelPrice): number {
  const used = amountsOf(usage)
  switch (price.per) {
    case 'token': {
      const audio = { ...used.audio, input: used.audio.input + Math.round(used.seconds * audioTokensPerSecond) }
      return tokensCost(used.text, price.text) + tokensCost(audio, price.audio)
    }
    case 'minute': {
      const seconds = used.seconds + used.audio.input / audioTokensPerSecond
      return Math.round((seconds / 60) * nanoUsdOf(price.usd))
    }
  }
}

/** Callers' audio is one token for each 100 ms. */
const audioTokensPerSecond = 10

/** `cached` is a part of `input`. */
type Tokens = { input: number; cached: number; output: number }

/** A dollar for a million tokens is a thousand billionths for one. */
function tokensCost({ input, cached, output }: Tokens, rates: TokenRates): number {
  const fresh = Math.max(0, input - cached)
  return fresh * each(rates.input) + Math.min(cached, input) * each(rates.cached) + output * each(rates.output)
}
const each = (usdPerMillion: number): number => Math.round(usdPerMillion * 1_000)

type Amounts = { text: Tokens; audio: Tokens; seconds: number }

/**
 * The three shapes in which usage comes: of a realtime response, of a transcription (tokens, or seconds), and of a response
 * in text, whose details are named in the plural. Tokens of no stated kind are text; what is missing is none.
 */
function amountsOf(usage: unknown): Amounts {
  const total = fieldsOf(usage)
  const input = fieldsOf(total.input_token_details ?? total.input_tokens_details)
  const output = fieldsOf(total.output_token_details)
  const cachedBy = fieldsOf(input.cached_tokens_details)
  const [audioIn, audioOut] = [count(input.audio_tokens), count(output.audio_tokens)]
  const audioCached = Math.min(count(cachedBy.audio_tokens), audioIn)
  // Images are priced as text would be; a telephone has none.
  const textCached = Math.max(0, count(input.cached_tokens) - audioCached)
  return {
    text: {
      input: Math.max(0, count(total.input_tokens) - audioIn),
      cached: textCached,
      output: Math.max(0, count(total.output_tokens) - audioOut),
    },
    audio: { input: audioIn, cached: audioCached, output: audioOut },
    seconds: count(total.seconds),
  }
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0)
