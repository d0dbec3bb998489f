// PURE. What the models cost, in US dollars per million tokens (or per minute of audio), as OpenAI's price list said on
// 2026-11-05: developers.openai.com/api/docs/pricing and the page of each model. When the list changes, this file does;
// conversations that are over keep what they cost on their day.

/** Per million tokens. `cached`: input that the vendor has read before. */
export type TokenRates = { input: number; cached: number; output: number }

export type ModelPrice =
  | { per: 'token'; text: TokenRates; audio: TokenRates }
  /** Of the caller's audio. */
  | { per: 'minute'; usd: number }

/** By the model's name without the date of its snapshot. */
export type Prices = Readonly<Record<string, ModelPrice>>

const spoken = (text: TokenRates, audio: TokenRates): ModelPrice => ({ per: 'token', text, audio })
/** A model that has no ears: were it ever to bill audio, it would be at the price of text. */
const written = (input: number, cached: number, output: number): ModelPrice => {
  const rates = { input, cached, output }
  return { per: 'token', text: rates, audio: rates }
}

const large = { input: 32, cached: 0.4, output: 64 }
const small = { input: 10, cached: 0.3, output: 20 }
const smallText = { input: 0.6, cached: 0.06, output: 2.4 }

export const prices: Prices = {
  'gpt-realtime-2.1': spoken({ input: 4, cached: 0.4, output: 24 }, large),
  'gpt-realtime-2.1-mini': spoken(smallText, small),
  'gpt-realtime-2': spoken({ input: 4, cached: 0.4, output: 24 }, large),
  'gpt-realtime-1.5': spoken({ input: 4, cached: 0.4, output: 16 }, large),
  'gpt-realtime': spoken({ input: 4, cached: 0.4, output: 16 }, large),
  'gpt-realtime-mini': spoken(smallText, small),

  'gpt-transcribe': { per: 'minute', usd: 0.0045 },
  'gpt-live-transcribe': { per: 'minute', usd: 0.017 },
  'gpt-realtime-whisper': { per: 'minute', usd: 0.017 },
  'gpt-4o-transcribe': written(2.5, 2.5, 10),

  'gpt-5.5': written(5, 0.5, 30),
  'gpt-5.4': written(2.5, 0.25, 15),
  'gpt-5.4-mini': written(0.75, 0.075, 4.5),
  'gpt-5.4-nano': written(0.2, 0.02, 1.25),
}
