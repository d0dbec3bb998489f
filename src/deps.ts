// What the house stands on, handed from the composition root to every feature. Nothing reaches for these by itself.
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import type { Clock } from './lib/clock.ts'
import type { Ids } from './lib/ids.ts'
import type { Log } from './lib/log.ts'
import type { OpenSocket } from './lib/socket.ts'
import type { Mailer } from './vendors/mailer.ts'
import type { Storage } from './vendors/storage.ts'
import type { Telephony } from './vendors/telephony.ts'
import type { Thinker } from './vendors/thinker.ts'
import type { Writer } from './vendors/writer.ts'

export type Deps = {
  config: Config
  db: Database
  clock: Clock
  ids: Ids
  log: Log
  /** Connects to the voice model. */
  openSocket: OpenSocket
  telephony: Telephony
  writer: Writer
  thinker: Thinker
  mailer: Mailer
  storage: Storage
}
