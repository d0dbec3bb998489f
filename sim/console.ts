// The simulator's voice in a terminal: progress while things are set up, the call as it happens, and the report. Colours and
// a progress line that overwrites itself only on a terminal; NO_COLOR is respected (no-color.org).
import { createTeller } from './console-call.ts'
import { createLayout } from './console-layout.ts'
import { type Report, reportText } from './console-report.ts'
import type { TraceEntry } from './trace.ts'

/** Where it is written. `columns`: the width, where it is known. */
export type Screen = {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export type Console = {
  /** What is being waited for; the next thing said takes its place. */
  progress(step: string): void
  entry(entry: TraceEntry): void
  report(report: Report): void
  say(text: string): void
}

const USUAL_COLUMNS = 100
/** To the line's beginning, and everything after it gone. */
const WIPE = '\r\u001b[K'

export function createConsole(screen: Screen, environment: Record<string, string | undefined>): Console {
  const isTerminal = screen.isTTY === true && environment.TERM !== 'dumb'
  const layout = createLayout({
    columns: screen.columns ?? USUAL_COLUMNS,
    hasColours: isTerminal && (environment.NO_COLOR ?? '') === '',
  })
  const teller = createTeller()
  let hasProgress = false

  function print(text: string): void {
    screen.write(`${hasProgress ? WIPE : ''}${text}\n`)
    hasProgress = false
  }

  return {
    progress(step) {
      const text = layout.text(`… ${step}`, 'quiet').split('\n')[0] ?? ''
      if (!isTerminal) return print(text)
      screen.write(`${WIPE}${text}`)
      hasProgress = true
    },
    entry(entry) {
      for (const line of teller.tell(entry)) print(layout.line(line))
    },
    report: (report) => print(reportText(report, layout)),
    say: (text) => print(layout.text(text)),
  }
}
