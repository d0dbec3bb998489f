// What a response costs in tokens: audio by its length, text by its letters, the whole conversation again on every
// response, with the part that was already read before counted as cached. Pure but for what a meter remembers.
import type { Entry } from './conversation.ts'

const MS_PER_INPUT_TOKEN = 100
const MS_PER_OUTPUT_TOKEN = 50
const CHARS_PER_TOKEN = 4
/** The service counts cached tokens in steps of this many. */
const CACHE_STEP_TOKENS = 64

type Tokens = { text: number; audio: number }

export const textTokens = (text: string) => Math.ceil(text.length / CHARS_PER_TOKEN)
export const listenedTokens = (audioMs: number) => Math.ceil(audioMs / MS_PER_INPUT_TOKEN)
const spokenTokens = (audioMs: number) => Math.ceil(audioMs / MS_PER_OUTPUT_TOKEN)

function tokensOf({ wire, audioMs }: Entry): Tokens {
  const said = (wire.content ?? []).map((part) => part.text ?? part.transcript ?? '').join('')
  return {
    text: textTokens(said + (wire.name ?? '') + (wire.arguments ?? '') + (wire.output ?? '')),
    audio: wire.role === 'assistant' ? spokenTokens(audioMs) : listenedTokens(audioMs),
  }
}

/** What a response has put out so far, spoken, written and called alike. */
export const outputTokens = (entries: readonly Entry[]): number =>
  entries.reduce((total, { text, audioMs }) => total + textTokens(text) + spokenTokens(audioMs), 0)

const sum = (parts: readonly Tokens[]): Tokens =>
  parts.reduce((total, part) => ({ text: total.text + part.text, audio: total.audio + part.audio }), {
    text: 0,
    audio: 0,
  })

export type Meter = {
  /** Reads the input of a response now about to run; answers with its usage, given what it put out. */
  read(instructions: string, entries: readonly Entry[]): (output: readonly Entry[]) => Usage
}
export type Usage = ReturnType<typeof usageOf>

export function createMeter(): Meter {
  let known: string[] = []
  return {
    read(instructions, entries) {
      const parts = [
        { key: instructions, tokens: { text: textTokens(instructions), audio: 0 } },
        ...entries.map((entry) => {
          const tokens = tokensOf(entry)
          return { key: `${entry.wire.id} ${tokens.text} ${tokens.audio}`, tokens }
        }),
      ]
      const firstNew = parts.findIndex(({ key }, place) => key !== known[place])
      const repeated = firstNew < 0 ? parts : parts.slice(0, firstNew)
      known = parts.map(({ key }) => key)
      const input = sum(parts.map(({ tokens }) => tokens))
      const cached = inSteps(sum(repeated.map(({ tokens }) => tokens)))
      return (output) => usageOf(input, cached, sum(output.map(tokensOf)))
    },
  }
}

function inSteps({ text, audio }: Tokens): Tokens {
  const excess = (text + audio) % CACHE_STEP_TOKENS
  const audioExcess = Math.min(audio, excess)
  return { text: text - (excess - audioExcess), audio: audio - audioExcess }
}

function usageOf(input: Tokens, cached: Tokens, output: Tokens) {
  const inputTokens = input.text + input.audio
  const outputTokens = output.text + output.audio
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: 0,
      cached_tokens: cached.text + cached.audio,
      cached_tokens_details: { text_tokens: cached.text, audio_tokens: cached.audio, image_tokens: 0 },
    },
    output_token_details: { text_tokens: output.text, audio_tokens: output.audio },
  }
}
