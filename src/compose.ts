// Builds what the application stands on from its settings. Whoever hosts it may bring a part of its own: another clock, a
// socket that does not leave the process.
import type { Config } from './config.ts'
import { limits } from './config.ts'
import { createDatabase } from './db/pool.ts'
import type { Deps } from './deps.ts'
import { systemClock } from './lib/clock.ts'
import { randomIds } from './lib/ids.ts'
import { createLog } from './lib/log.ts'
import { openSocket } from './platform/sockets.ts'
import { createFolderStorage } from './vendors/folder-storage.ts'
import { createWriter } from './vendors/openai.ts'
import { createThinker } from './vendors/openai-thinker.ts'
import { createMailer } from './vendors/resend.ts'
import type { Storage } from './vendors/storage.ts'
import { createSupabaseStorage } from './vendors/supabase.ts'
import { createTelephony } from './vendors/twilio.ts'

export function composeDeps(config: Config, databaseUrl: string, own: Partial<Deps> = {}): Deps {
  const timeoutMs = limits.vendorRequestMs
  const openai = { apiKey: config.OPENAI_API_KEY ?? '', baseUrl: config.OPENAI_BASE_URL }
  return {
    config,
    db:
      own.db ??
      createDatabase({
        url: databaseUrl,
        listenUrl: config.DATABASE_LISTEN_URL,
        maxConnections: config.DATABASE_POOL_SIZE,
      }),
    clock: own.clock ?? systemClock,
    ids: own.ids ?? randomIds,
    log: own.log ?? createLog({ level: config.LOG_LEVEL }),
    openSocket: own.openSocket ?? openSocket,
    telephony:
      own.telephony ??
      createTelephony({
        baseUrl: config.TWILIO_API_BASE_URL,
        timeoutMs,
        mediaTimeoutMs: limits.recordingTransferMs,
        maxRecordingBytes: limits.recordingBytes,
      }),
    writer: own.writer ?? createWriter(openai),
    thinker: own.thinker ?? createThinker(openai),
    mailer:
      own.mailer ?? createMailer({ apiKey: config.RESEND_API_KEY ?? '', baseUrl: config.RESEND_BASE_URL, timeoutMs }),
    storage: own.storage ?? storageOf(config),
  }
}

function storageOf(config: Config): Storage {
  const { SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey } = config
  if (url === undefined || serviceRoleKey === undefined) return createFolderStorage(config.RECORDINGS_FOLDER)
  return createSupabaseStorage({
    url,
    serviceRoleKey,
    bucket: config.RECORDINGS_BUCKET,
    timeoutMs: limits.recordingTransferMs,
  })
}
