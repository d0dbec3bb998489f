// Jobs: there if and only if their transaction committed, run by one worker at a time, and never another clinic's.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { untilNoneIsDue } from '../../sim/due-jobs.ts'
import { enqueue, type JobIds, type JobRunner, startJobs, type Tasks } from '../../src/db/jobs.ts'
import { createQueueView, type QueueView } from '../../src/db/queue-view.ts'
import { createLog } from '../../src/lib/log.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { silentWay } from '../support/silent-way.ts'

type Row = {
  task: string
  payload: Record<string, string>
  locked: boolean
  attempts: number
  last_error: string | null
}

const ourId = crypto.randomUUID()
const theirId = crypto.randomUUID()
const lines: string[] = []
const log = createLog({ level: 'debug', write: (line) => lines.push(line) })

let database: TestDatabase
let admin: postgres.Sql
let view: QueueView
let runners: JobRunner[]

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  view = createQueueView({ url: database.appUrl })
})
beforeEach(async () => {
  runners = []
  lines.length = 0
  await admin`delete from graphile_worker._private_jobs`
})
afterEach(() => Promise.all(runners.map((runner) => runner.stop())))
afterAll(async () => {
  await view.end()
  await admin.end()
  await database.end()
})

const add = (task: string, ids: Record<string, string> = {}, more: { runAtMs?: number; jobKey?: string } = {}) =>
  database.db.withOrg(ourId, (tx) => enqueue(tx, { task, ids, ...more }))

const queue = async (): Promise<Row[]> => [
  ...(await admin<Row[]>`
    select j.task_identifier as task, p.payload, j.locked_at is not null as locked, j.attempts, j.last_error
    from graphile_worker.jobs j join graphile_worker._private_jobs p using (id) order by id`),
]

async function start(tasks: Tasks, limits: Parameters<typeof startJobs>[0]['limits'] = {}): Promise<JobRunner> {
  const runner = await startJobs({ url: database.appUrl, tasks, log, concurrency: 3, pollIntervalMs: 50, limits })
  runners.push(runner)
  return runner
}

/** Stops it now, and not once more after the test. */
async function stop(runner: JobRunner): Promise<void> {
  runners.splice(runners.indexOf(runner), 1)
  await runner.stop()
}

/** A task that can be waited for: resolves when it was run `count` times. */
function counted(count: number, work: (ids: JobIds, attempt: number) => Promise<void> = async () => {}) {
  const runs: JobIds[] = []
  const done = Promise.withResolvers<void>()
  const task = async (ids: JobIds, attempt: number) => {
    runs.push(ids)
    if (runs.length === count) done.resolve()
    await work(ids, attempt)
  }
  return { task, runs, done: done.promise }
}

async function untilQueueIs(isSo: (rows: Row[]) => boolean): Promise<Row[]> {
  for (;;) {
    const rows = await queue()
    if (isSo(rows)) return rows
  }
}

describe('a job exists', () => {
  test('once its transaction has committed, and not if it was rolled back', async () => {
    const undone = database.db.withOrg(ourId, async (tx) => {
      await enqueue(tx, { task: 'never', ids: {} })
      throw new Error('rolled back')
    })
    await expect(undone).rejects.toThrow('rolled back')
    await add('greet', { conversationId: 'twilio_CA1' })
    const payload = { conversationId: 'twilio_CA1', organizationId: ourId }
    expect(await queue()).toMatchObject([{ task: 'greet', payload, locked: false, attempts: 0 }])
  })

  test('for the organization of its transaction, whatever it says itself', async () => {
    await add('greet', { organizationId: theirId })
    expect((await queue()).map(({ payload }) => payload)).toEqual([{ organizationId: ourId }])
  })

  test('only within an organization', async () => {
    const outside = database.asLogin((tx) => enqueue(tx, { task: 'greet', ids: {} }))
    await expect(outside).rejects.toMatchObject({ code: '42501' })
    const nobody = database.asLogin(async (tx) => {
      await tx.execute(sql`set local role frontdesk_tenant`)
      await enqueue(tx, { task: 'greet', ids: {} })
    })
    await expect(nobody).rejects.toThrow('no organization is set')
    expect(await queue()).toEqual([])
  })

  test('by enqueue_job alone: a clinic reaches the queue in no other way', async () => {
    const job = JSON.stringify({ organizationId: theirId })
    for (const way of [
      sql`select graphile_worker.add_job('greet', ${job}::json)`,
      sql`insert into graphile_worker._private_jobs (task_id, payload) values (1, ${job}::json)`,
      sql`select from graphile_worker.jobs`,
      sql`delete from graphile_worker._private_jobs`,
    ])
      await expect(database.db.withOrg(ourId, (tx) => tx.execute(way))).rejects.toMatchObject({ code: '42501' })
  })

  test('once for a key within a clinic, as it was added last; another clinic’s key is another key', async () => {
    await add('greet', { turn: '1' }, { jobKey: 'same' })
    await add('greet', { turn: '2' }, { jobKey: 'same' })
    await database.db.withOrg(theirId, (tx) => enqueue(tx, { task: 'greet', ids: { turn: '3' }, jobKey: 'same' }))
    expect((await queue()).map(({ payload }) => payload)).toEqual([
      { turn: '2', organizationId: ourId },
      { turn: '3', organizationId: theirId },
    ])
  })

  test('with ids only: no number, name, text or object is let in', async () => {
    for (const value of ['+15551234567', 'Ada Lovelace', 'a@b.example', '', 'x'.repeat(101)])
      await expect(add('greet', { value })).rejects.toThrow('a job carries ids only')
    const object: Record<string, string> = JSON.parse('{ "value": { "name": "Ada" } }')
    await expect(add('greet', object)).rejects.toThrow('a job carries ids only')
    expect(await queue()).toEqual([])
  })
})

describe('a job runs', () => {
  test('once, although two servers want it, with the ids it was added with', async () => {
    const greet = counted(30)
    await start({ greet: greet.task })
    await start({ greet: greet.task })
    await Promise.all(Array.from({ length: 30 }, (_, turn) => add('greet', { turn: `${turn}` })))
    await greet.done
    await untilQueueIs((rows) => rows.length === 0)
    expect(greet.runs).toHaveLength(30)
    expect(new Set(greet.runs.map(({ turn }) => turn)).size).toBe(30)
    expect(new Set(greet.runs.map(({ organizationId }) => organizationId))).toEqual(new Set([ourId]))
  })

  test('again after it failed, knowing that it is again, and the log says so without its words', async () => {
    const attempts: number[] = []
    const fail = counted(2, async (_ids, attempt) => {
      attempts.push(attempt)
      if (fail.runs.length === 1) throw new Error('Grace Hopper called')
    })
    await start({ fail: fail.task })
    await add('fail')
    await untilQueueIs(([row]) => row?.attempts === 1 && !row.locked)
    await view.makeDue(Date.now() + 60_000)
    await fail.done
    await untilQueueIs((rows) => rows.length === 0)
    expect(attempts).toEqual([1, 2])
    expect(lines.join()).toContain('job failed')
    expect(lines.join()).not.toContain('Grace')
  })

  test('never, if somebody put more than ids into it', async () => {
    const greet = counted(1)
    await start({ greet: greet.task })
    await admin`select graphile_worker.add_job('greet', ${'{"organizationId": "x", "name": "Ada"}'}::json)`
    const [row] = await untilQueueIs(([row]) => row?.last_error !== null)
    expect(row?.last_error).toContain('not made of ids')
    expect(greet.runs).toEqual([])
  })

  test('on, after the connections of its server broke', async () => {
    const greet = counted(1)
    await start({ greet: greet.task })
    const broken = await admin`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = 'frontdesk_app' and application_name <> 'postgres.js'`
    expect(broken.count).toBeGreaterThan(0)
    await add('greet')
    await greet.done
  })

  test('on, after the connections of its server went silent, and stops all the same when they do once more', async () => {
    const way = await silentWay(database.appUrl)
    const greet = counted(2)
    // A job may have been given out in an answer that nobody heard: it is locked, by whoever asked.
    const locks = { lockLimitMs: 1_000, lockCheckMs: 100 }
    const limits = { answerLimitMs: 500, connectionLifeMs: 500, stopLimitMs: 200, endLimitMs: 200, ...locks }
    const tasks = { greet: greet.task }
    const runner = await startJobs({ url: way.url, tasks, log, concurrency: 3, pollIntervalMs: 50, limits })
    await add('greet')
    await untilQueueIs((rows) => rows.length === 0)
    way.silence()
    await add('greet')
    await greet.done
    await untilQueueIs((rows) => rows.length === 0)
    way.silence()
    await runner.stop()
    way.close()
  })

  test('on another server, when the one that had it died', async () => {
    await add('greet')
    await admin`
      update graphile_worker._private_jobs set locked_by = 'dead', locked_at = now() - interval '3 minutes', attempts = 1`
    const greet = counted(1)
    await start({ greet: greet.task })
    await greet.done
  })

  test('no longer than a task may take', async () => {
    const never = counted(1, () => new Promise(() => {}))
    await start({ never: never.task }, { taskLimitMs: 20 })
    await add('never')
    const [row] = await untilQueueIs(([row]) => row?.last_error !== null)
    expect(row).toMatchObject({ locked: false, last_error: 'Task took longer than 20 ms' })
  })
})

describe('stopping', () => {
  test('waits until what runs has ended, and leaves no row locked, done or failed', async () => {
    for (const ending of [() => Promise.resolve(), () => Promise.reject(new Error('failed on purpose'))]) {
      const stopped = Promise.withResolvers<void>()
      const runner = await start({
        async last() {
          stopped.resolve(stop(runner))
          await ending()
        },
      })
      await add('last')
      await stopped.promise
    }
    expect(await queue()).toMatchObject([{ locked: false, attempts: 1, last_error: 'failed on purpose' }])
  })

  test('gives back, after its limit, what will not end', async () => {
    const never = counted(1, () => new Promise(() => {}))
    const runner = await start({ never: never.task }, { stopLimitMs: 20 })
    await add('never')
    await never.done
    await stop(runner)
    expect(await queue()).toMatchObject([{ task: 'never', locked: false, attempts: 1 }])
  })

  test('begins nothing new', async () => {
    const greet = counted(1)
    const runner = await start({ greet: greet.task })
    await stop(runner)
    await add('greet')
    expect(await queue()).toMatchObject([{ task: 'greet', locked: false, attempts: 0 }])
  })
})

describe('the queue, seen on another clock', () => {
  test('tells what is due, what falls due next, and what has failed for good', async () => {
    const nowMs = Date.now()
    expect(await view.pending(nowMs)).toEqual({ dueOrRunning: 0, nextRunAtMs: null, failed: 0 })
    await add('greet', {}, { runAtMs: nowMs - 1 })
    await add('greet', {}, { runAtMs: nowMs + 600_000 })
    await add('greet', {}, { runAtMs: nowMs + 300_000 })
    await add('lost', {}, { runAtMs: nowMs - 1 })
    await admin`update graphile_worker._private_jobs set attempts = max_attempts where task_id =
      (select id from graphile_worker._private_tasks where identifier = 'lost')`
    expect(await view.pending(nowMs)).toEqual({ dueOrRunning: 1, nextRunAtMs: nowMs + 300_000, failed: 1 })
    expect(await view.pending(nowMs + 300_000)).toMatchObject({ dueOrRunning: 2, nextRunAtMs: nowMs + 600_000 })
  })

  test('gives a job that failed its pause on that clock, once', async () => {
    const nowMs = Date.UTC(2040, 0, 2)
    await add('greet', {}, { runAtMs: nowMs + 600_000 })
    await add('lost', {}, { runAtMs: Date.now() + 5_000 })
    await admin`update graphile_worker._private_jobs set attempts = 2 where task_id =
      (select id from graphile_worker._private_tasks where identifier = 'lost')`
    expect(await view.postponeRetries(nowMs)).toBe(1)
    expect(await view.pending(nowMs)).toMatchObject({
      dueOrRunning: 0,
      nextRunAtMs: nowMs + Math.ceil(Math.exp(2) * 1_000),
    })
    expect(await view.postponeRetries(nowMs + 1_000)).toBe(0)
  })

  test('lets what falls due by then run now, and nothing later', async () => {
    const greet = counted(2)
    await start({ greet: greet.task })
    const nowMs = Date.now()
    for (const [turn, delayMs] of [300_000, 600_000, 900_000].entries())
      await add('greet', { turn: `${turn}` }, { runAtMs: nowMs + delayMs })
    expect(await view.makeDue(nowMs + 600_000)).toBe(2)
    await greet.done
    await untilQueueIs((rows) => rows.length === 1)
    expect(greet.runs.map(({ turn }) => turn).sort()).toEqual(['0', '1'])
    expect(await view.makeDue(nowMs + 600_000)).toBe(0)
  })

  test('is empty for who waits only when no try is left to come, whenever the last one failed', async () => {
    const begun = Promise.withResolvers<void>()
    const failing = Promise.withResolvers<void>()
    const greet = counted(2, async (_ids, attempt) => {
      begun.resolve()
      if (attempt === 1) await failing.promise
    })
    await start({ greet: greet.task })
    await add('greet')
    await begun.promise
    await untilNoneIsDue(
      {
        pending: view.pending,
        async makeDue(upToMs) {
          const made = await view.makeDue(upToMs)
          // It runs while it is asked what could be made due, and has failed when it is asked what runs.
          failing.reject(new Error('failed in between'))
          await untilQueueIs(([row]) => row === undefined || row.attempts > 1 || !row.locked)
          return made
        },
      },
      60_000,
    )
    expect(greet.runs).toHaveLength(2)
    expect(await queue()).toEqual([])
  })
})
