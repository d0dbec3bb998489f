// The language of a call, where a clinic has several. The model hears what is spoken; that the call is in another language from
// now on is a fact, which the transcriber, whoever goes on with the call and the carrier's own voice go by.
import { z } from 'zod'
import { limits } from '../config.ts'
import { languageName } from '../lib/languages.ts'
import { defineTool, type Tool } from './tools.ts'

export const speakLanguage = (languages: readonly string[]): Tool =>
  defineTool({
    name: 'speak_language',
    description:
      `The clinic speaks ${languages.map((tag) => `${languageName(tag)} (${tag})`).join(', ')}. Call this as soon as the caller speaks ` +
      'another of these languages than the one that the call is in, or asks for it, and then go on in theirs.',
    parameters: z.strictObject({ language: z.enum(languages) }),
    result: z.strictObject({ speaking: z.string() }),
    deadlineMs: limits.clinicToolMs,
    run: async ({ toolCallId }, { language }) => ({
      result: { speaking: languageName(language) },
      facts: [{ kind: 'language.chosen', toolCallId, language }],
      language,
    }),
  })
