// What the parts of one session share.
import type { Random } from '../random.ts'
import type { Breaks } from './breaks.ts'
import type { Channel } from './channel.ts'
import type { SessionConfig } from './config.ts'
import type { Conversation } from './conversation.ts'
import type { Limits } from './limits.ts'
import type { Refusal } from './refusal.ts'
import type { Repertoire } from './repertoire.ts'
import type { ModelSettings } from './settings.ts'

export type State = {
  readonly channel: Channel
  readonly conversation: Conversation
  readonly conversationId: string
  readonly model: string
  readonly random: Random
  readonly repertoire: Repertoire
  readonly breaks: Breaks
  readonly limits: Limits
  readonly settings: ModelSettings
  config: SessionConfig
  /** The client has had its first `session.updated`. */
  isConfigured: boolean
  /** The model's voice has been heard, and can no longer be another. */
  hasSpoken: boolean
  /** Answers an event with an error; `violation` says which rule of the service the client broke, if it broke one. */
  refuse(refusal: Refusal, event: { event_id?: string }, violation?: string): void
  /** A rule was broken that the service itself lets pass, or has already answered. */
  violate(rule: string): void
  /** What happened that no script foresaw. */
  note(text: string): void
}
