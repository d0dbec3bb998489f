// Work for later, kept in the database: added in the transaction that causes it, run by whichever server is free, at
// least once. A job carries ids and nothing else; its organization is stamped by the database, not by who adds it.
import { sql } from 'drizzle-orm'
import { Logger, type Runner, type RunnerOptions, run, type Task } from 'graphile-worker'
import pg from 'pg'
import { z } from 'zod'
import { isoTime } from '../lib/clock.ts'
import { asError, type Log } from '../lib/log.ts'
import type { Tx } from './database.ts'

/** What a task is given: the ids it was added with, and whose they are. */
export type JobIds = { organizationId: string } & Record<string, string>
/** `attempt` is 1 for the first. After that the one before may have done its work and not lived to tell. */
export type Tasks = Record<string, (ids: JobIds, attempt: number) => Promise<void>>

export type JobRequest = {
  task: string
  /** UUIDs and vendors' ids only: no numbers, names or words of anybody. */
  ids: Record<string, string>
  /** Milliseconds since the epoch; default: at once. */
  runAtMs?: number
  /** Of the jobs with one key, within the organization, only the last added that has not begun will run. */
  jobKey?: string
}

export type JobRunner = {
  /** Takes no more jobs, and resolves when the running ones have ended, or were given back after the limit. */
  stop(): Promise<void>
}

const usual = {
  /** A task that takes longer has failed, and is tried again. */
  taskLimitMs: 120_000,
  /** A job that is locked for longer than a task may take belongs to a server that died. */
  lockLimitMs: 150_000,
  /** How often such jobs are looked for. */
  lockCheckMs: 30_000,
  /** How long `stop` waits for running jobs; what is not done then is given back, and runs again. */
  stopLimitMs: 20_000,
  /** For the queue's own statements: longer than the server allows them, so that no answer in time is none at all. */
  answerLimitMs: 12_000,
  /** A connection is not used for longer: one that has gone silent does not know it. */
  connectionLifeMs: 60_000,
  /** How long connections may take to end. */
  endLimitMs: 2_000,
}
const restartDelayMs = 1_000

const idForm = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/)
const idsForm = z.record(z.string().max(40), idForm)
const payloadForm = idsForm.and(z.object({ organizationId: z.guid() }))

/** Adds a job to the transaction: it exists if that commits. Fails outside of `withOrg`. */
export async function enqueue(tx: Tx, job: JobRequest): Promise<void> {
  const ids = idsForm.safeParse(job.ids)
  if (!ids.success) throw new Error(`Cannot enqueue ${job.task}: a job carries ids only`)
  const runAt = job.runAtMs === undefined ? null : isoTime(job.runAtMs)
  await tx.execute(sql`select enqueue_job(
    ${job.task}, ${JSON.stringify(ids.data)}::text::jsonb, ${runAt}::timestamptz, ${job.jobKey ?? null}::text)`)
}

/**
 * Runs `tasks` until stopped. `url` is the login's, without a transaction pooler in between: new jobs are heard of by
 * LISTEN. Polling finds what falls due, and what was not heard of.
 */
export async function startJobs(options: {
  url: string
  tasks: Tasks
  log: Log
  concurrency: number
  pollIntervalMs: number
  limits?: Partial<typeof usual>
}): Promise<JobRunner> {
  const { log } = options
  const limit = { ...usual, ...options.limits }
  const pool = createPool(options.url, options.concurrency, limit, log)
  const start = () =>
    startRunner(log, {
      // A pool of our own, ended after the runner: one that ends its pool leaves finished jobs locked.
      pgPool: pool,
      taskList: Object.fromEntries(
        Object.entries(options.tasks).map(([name, task]) => [name, workerTask(task, limit.taskLimitMs)]),
      ),
      concurrency: options.concurrency,
      pollInterval: options.pollIntervalMs,
      noHandleSignals: true,
      gracefulShutdownAbortTimeout: limit.stopLimitMs,
      logger: workerLogger(log),
      // Without batches, even of one, it does not wait until it is written that a job has ended.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    })
  try {
    await registerTasks(pool, Object.keys(options.tasks))
    await freeOrphans(pool, limit.lockLimitMs)
    const stopping = new AbortController()
    const ended = keepRunning(await start(), start, stopping.signal, log)
    const orphanTimer = setInterval(() => {
      freeOrphans(pool, limit.lockLimitMs).catch((error) => log.warn({ error }, 'orphaned jobs could not be freed'))
    }, limit.lockCheckMs)
    return {
      async stop() {
        clearInterval(orphanTimer)
        stopping.abort()
        // A runner whose connections are silent may not end at all.
        await atMost(limit.stopLimitMs + limit.endLimitMs, ended)
        await atMost(limit.endLimitMs, pool.end())
      },
    }
  } catch (error) {
    await atMost(limit.endLimitMs, pool.end())
    throw error
  }
}

async function startRunner(log: Log, options: RunnerOptions): Promise<Runner> {
  const runner = await run(options)
  runner.events.on('job:error', ({ job, error }) =>
    log.warn({ task: job.task_identifier, jobId: job.id, attempt: job.attempts, error: asError(error) }, 'job failed'),
  )
  return runner
}

/** A runner gives up when it could not write that a job has ended: another one then takes its place. */
async function keepRunning(
  first: Runner,
  start: () => Promise<Runner>,
  stopping: AbortSignal,
  log: Log,
): Promise<void> {
  const another = () =>
    start().catch((error) => {
      log.error({ error: asError(error) }, 'job runner could not start')
      return undefined
    })
  for (let runner: Runner | undefined = first; ; runner = await another()) {
    if (runner !== undefined) await untilEnd(runner, stopping, log)
    if (stopping.aborted) return
    await pause(restartDelayMs)
  }
}

/** Resolves when the runner has given up, or was stopped because we are stopping. */
async function untilEnd(runner: Runner, stopping: AbortSignal, log: Log): Promise<void> {
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped = runner.stop().catch(() => {}) // It was giving up by itself.
  }
  if (stopping.aborted) stop()
  stopping.addEventListener('abort', stop, { once: true })
  await runner.promise.catch((error) => log.error({ error: asError(error) }, 'job runner gave up'))
  stopping.removeEventListener('abort', stop)
  await stopped
}

/** A running task ends with its limit, and with the server's patience when it stops; either way the job runs again. */
function workerTask(task: Tasks[string], taskLimitMs: number): Task {
  return async (payload, helpers) => {
    const ids = payloadForm.safeParse(payload)
    if (!ids.success) throw new Error('Cannot run job: its payload is not made of ids')
    let timer: ReturnType<typeof setTimeout> | undefined
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Task took longer than ${taskLimitMs} ms`)), taskLimitMs)
    })
    try {
      await Promise.race([task(ids.data, helpers.job.attempts), limit, helpers.abortPromise])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Sessions that are the worker's role from their first moment, so that none can be used as anybody else. */
function createPool(url: string, concurrency: number, limit: typeof usual, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    options: '-c role=frontdesk_jobs',
    // One more listens, and one looks for orphans.
    max: concurrency + 2,
    connectionTimeoutMillis: limit.answerLimitMs,
    query_timeout: limit.answerLimitMs,
    maxLifetimeSeconds: limit.connectionLifeMs / 1000,
    // The one that listens may be idle for ever.
    keepAlive: true,
  })
  // The pool passes on what its idle connections have said themselves.
  pool.on('error', () => {})
  pool.on('connect', (client) =>
    client.once('error', (error) => {
      // One that we are closing may hear of its server's end before its own.
      if (!pool.ending) log.warn({ error }, 'job connection broke')
      client.on('error', () => {})
    }),
  )
  return pool
}

/**
 * Each by itself, so that nothing is held while it is waited for: the queue would register all at once, when it looks for its
 * first job, and be in a deadlock with whoever adds the first jobs of two of them.
 */
async function registerTasks(pool: pg.Pool, names: readonly string[]): Promise<void> {
  for (const name of names)
    await pool.query(
      `insert into graphile_worker._private_tasks (identifier) select $1
       where not exists (select from graphile_worker._private_tasks where identifier = $1) on conflict do nothing`,
      [name],
    )
}

/** Gives back the jobs of servers that died with them. */
async function freeOrphans(pool: pg.Pool, lockLimitMs: number): Promise<void> {
  await pool.query(
    `select graphile_worker.force_unlock_workers(array(
       select distinct locked_by from graphile_worker.jobs where locked_at < now() - $1 * interval '1 millisecond'))`,
    [lockLimitMs],
  )
}

/** What graphile-worker says of jobs is heard as events; the rest is about connections and set-up. */
function workerLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (scope.label === 'worker' || scope.label === 'job') return
    if (level === 'error') log.error({ reason: message }, 'job runner')
    if (level === 'warning') log.warn({ reason: message }, 'job runner')
  })
}

/** Resolves as `work` does, or when its time is up. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, limit])
  clearTimeout(timer)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
