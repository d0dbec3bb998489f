// Ends a call for whoever asked for it: keeps its files, tells its story or its one JSON object, and says whether all is well.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Rule } from './audit/case.ts'
import { rulesFor } from './auditor.ts'
import { type CallResult, summaryOf } from './call.ts'
import type { Console } from './console.ts'
import { Mistake } from './mistake.ts'
import { reportPage } from './report/page.ts'
import { saveCall } from './save.ts'
import { toJsonl } from './trace.ts'
import { lastCallFolder, type Wish } from './wish.ts'

/** Makes the folders for the call's files: what cannot be kept is told before the call, not after it. */
export async function makeRoom({
  save = lastCallFolder,
  trace,
  report,
}: Pick<Wish, 'save' | 'trace' | 'report'>): Promise<void> {
  const files = [trace, report].filter((file) => file !== undefined)
  for (const folder of [save, ...files.map((file) => dirname(file))])
    await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      throw new Mistake(`Cannot keep the call in ${folder}: ${error.code}`)
    })
}

/** Answers with the exit code. `print` takes the JSON object. */
export async function showCall(
  result: CallResult,
  wish: Wish,
  to: { console: Console; print(line: string): void; repeat: string; held?: readonly Rule[] },
): Promise<number> {
  const { held = rulesFor(result.evidence), repeat } = to
  const names = result.grades?.map(({ expectation }) => expectation) ?? held.map(({ name }) => name)
  const saved = await saveCall(wish.save ?? lastCallFolder, result)
  const keep = async (file: string, content: string): Promise<void> => {
    await writeFile(file, content)
    saved.push(file)
  }
  if (wish.trace !== undefined) await keep(wish.trace, toJsonl(result.trace.entries))
  if (wish.report !== undefined) {
    const { entries } = result.trace
    await keep(wish.report, reportPage({ ...result, entries, rules: names, repeat }))
  }
  if (wish.json) to.print(JSON.stringify(summaryOf(result)))
  else to.console.report({ ...result, ruleCount: names.length, repeat, saved })
  return result.violations.length === 0 ? 0 : 1
}
