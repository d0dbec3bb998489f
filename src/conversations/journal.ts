// The ledger's pen for one live call. Writing costs the caller nothing: events wait in memory, a moment for what comes with
// them, are written in batches, and are tried again when the database does not answer. What cannot be kept in the end is
// counted and said aloud.
import { limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { Ids } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import type { ConversationEvent, ConversationFact } from './events.ts'
import { eventOf, recordEvents } from './store.ts'
import { recordWords } from './word-store.ts'

export type Journal = {
  /** Never waits and never throws. `attempt` tells apart what may rightly happen twice. */
  write(fact: ConversationFact, atMs: number, attempt?: string): void
  /** Resolves when everything written so far is in the ledger, or was given up. `soon`: without hurrying it. */
  flush(pace?: 'now' | 'soon'): Promise<void>
}

/** The moment between an event and its writing. */
type Gathering = { end(): void; over: Promise<void> }

export type JournalDeps = { db: Database; clock: Clock; ids: Ids; log: Log }

/** `onLost` hears how many events could not be kept. */
export function createJournal(
  deps: JournalDeps,
  organizationId: string,
  conversationId: string,
  onLost: (count: number) => void = () => {},
): Journal {
  let waiting: ConversationEvent[] = []
  let lost = 0
  let writing: Promise<void> | undefined
  let gathering: Gathering | null = null
  /** How many wait for what is written now; while nobody does, webhooks and tools go first. */
  let hurried = 0

  /** What is told of one moment (a turn, and what it cost) comes in one transaction. */
  function gather(): Gathering {
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const end = (): void => {
      cancel()
      gathering = null
      writing = writeAll()
      resolve()
    }
    const cancel = deps.clock.after(limits.journalGatherMs, end)
    return { end, over }
  }

  async function record(batch: ConversationEvent[]): Promise<void> {
    const own = { isPatient: hurried === 0 }
    if (await recordWords(deps.db, organizationId, conversationId, batch, own)) return
    await deps.db.withOrg(organizationId, (tx) => recordEvents(deps, tx, organizationId, conversationId, batch), own)
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await writeBatch(batch)
    }
    writing = undefined
  }

  async function writeBatch(batch: ConversationEvent[]): Promise<void> {
    for (let attempt = 1; attempt <= limits.journalAttempts; attempt++) {
      try {
        return await record(batch)
      } catch (error) {
        const count = batch.length
        deps.log.warn({ conversationId, attempt, count, error: error as Error }, 'events could not be written yet')
        if (isOfOneEvent(error)) return count === 1 ? lose(1, 'unkeepable') : await writeSingly(batch)
        const pauseMs = Math.min(limits.journalRetryMs * 2 ** (attempt - 1), limits.journalLongestRetryMs)
        await new Promise<void>((resolve) => deps.clock.after(pauseMs, resolve))
      }
    }
    lose(batch.length, 'database')
  }

  /** One that cannot be kept must not take the others with it. */
  async function writeSingly(batch: ConversationEvent[]): Promise<void> {
    for (const event of batch) await writeBatch([event])
  }

  function lose(count: number, reason: string): void {
    lost += count
    onLost(count)
    deps.log.error({ conversationId, count: lost, reason }, 'events were lost')
  }

  return {
    write(fact, atMs, attempt) {
      if (waiting.length >= limits.journalEvents) return lose(1, 'full')
      waiting.push(eventOf(fact, atMs, attempt))
      if (writing === undefined) gathering ??= gather()
    },
    async flush(pace = 'now') {
      const isHurried = pace === 'now'
      if (isHurried) {
        hurried++
        gathering?.end()
      }
      await gathering?.over
      await writing
      if (isHurried) hurried--
    },
  }
}

/** The values were at fault (data exception, constraint violation): no later attempt can do better. */
const isOfOneEvent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^2[23]/.test(String(error.code))
