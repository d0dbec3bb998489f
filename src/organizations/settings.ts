// What a clinic can choose about its telephone, with defaults that suit a clinic out of the box. Kept as JSON in
// organizations.settings; anything missing has its default, anything unknown is kept and ignored.
import { z } from 'zod'

export const voices = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'] as const

const voiceSettings = z
  .object({
    /** Null: the deployment's model. */
    model: z.string().nullable().default(null),
    voice: z.enum(voices).default('marin'),
    transcriptionModel: z.string().nullable().default(null),
    noiseReduction: z.enum(['near_field', 'far_field']).nullable().default(null),
    /** How loud, 0 to 1, and how long a silence ends the caller's turn. */
    vadThreshold: z.number().min(0).max(1).default(0.5),
    vadPrefixMs: z.number().int().min(0).max(2_000).default(300),
    vadSilenceMs: z.number().int().min(200).max(3_000).default(500),
  })
  .prefault({})

export const organizationSettings = z
  .looseObject({
    voice: voiceSettings,
    recordCalls: z.boolean().default(true),
    recordingNotice: z.string().min(1).max(300).default('This call is recorded.'),
  })
  .prefault({})
export type OrganizationSettings = z.infer<typeof organizationSettings>
