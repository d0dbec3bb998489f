// One transaction of a clinic's, or the trial of one: the same work, and nothing of it kept. One at a time for each clinic, so that
// what was read of it is still so when it is written.
import type { Database, Tx } from '../db/database.ts'
import { Mistake } from './mistake.ts'
import { lockSetup } from './state-store.ts'

class Undone extends Error {}

/** `isTrial`: everything that `work` writes is undone, and its answer is what would have been. */
export async function inClinic<T>(
  db: Database,
  organizationId: string,
  isTrial: boolean,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const run = async (tx: Tx): Promise<T> => {
    await lockSetup(tx, organizationId)
    return work(tx)
  }
  if (!isTrial) return db.withOrg(organizationId, run).catch(inWords)
  let answer: { value: T } | undefined
  await db
    .withOrg(organizationId, async (tx) => {
      answer = { value: await run(tx) }
      throw new Undone()
    })
    .catch((error: unknown) => (error instanceof Undone ? undefined : inWords(error)))
  if (answer === undefined) throw new Error('Cannot happen: a trial ended without an answer')
  return answer.value
}

/** What the database refuses because another clinic has it is the operator's to know, and no fault of ours. */
function inWords(error: unknown): never {
  const said = error instanceof Error && 'code' in error && error.code === uniqueViolation ? error.message : ''
  const [, sentence] = /(Cannot .*another organization)/.exec(said) ?? []
  throw sentence === undefined ? error : new Mistake(sentence)
}

/** SQLSTATE */
const uniqueViolation = '23505'
