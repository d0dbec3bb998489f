// Ends a call for whoever asked for it: keeps its files, tells its story or its one JSON object, and says whether all is well.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { rules } from './auditor.ts'
import { type CallResult, summaryOf } from './call.ts'
import type { Console } from './console.ts'
import { saveCall } from './save.ts'
import { toJsonl } from './trace.ts'
import { lastCallFolder, type Wish } from './wish.ts'

/** Answers with the exit code. `print` takes the JSON object. */
export async function showCall(
  result: CallResult,
  wish: Wish,
  to: { console: Console; print(line: string): void; repeat: string; ruleCount?: number },
): Promise<number> {
  const saved = await saveCall(wish.save ?? lastCallFolder, result)
  if (wish.trace !== undefined) {
    await mkdir(dirname(wish.trace), { recursive: true })
    await writeFile(wish.trace, toJsonl(result.trace.entries))
    saved.push(wish.trace)
  }
  if (wish.json) to.print(JSON.stringify(summaryOf(result)))
  else to.console.report({ ...result, ruleCount: to.ruleCount ?? rules.length, repeat: to.repeat, saved })
  return result.violations.length === 0 ? 0 : 1
}
