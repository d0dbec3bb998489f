// PURE. How the simulator's lines are set for a terminal: a column for the time, one for who it is about, and the rest wrapped
// to the width there is, in colours where they are wanted.

export type Tone = 'plain' | 'quiet' | 'agent' | 'caller' | 'tool' | 'good' | 'warning' | 'bad' | 'strong'

/** `atMs`: since the call began; null leaves its column empty, as for what belongs to the line above. */
export type Line = { atMs: number | null; label: string; text: string; tone: Tone }

export type Layout = {
  line(line: Line): string
  /** A command, which is copied: on one line, however long. */
  command(text: string): string
  /** Text that begins `indent` characters from the left edge, wrapped. */
  text(text: string, tone?: Tone, indent?: number): string
  /** A name, padded to `nameChars`, and its value, wrapped beside it. */
  field(name: string, nameChars: number, value: string): string
  /** A short heading with a rule to the right edge. */
  heading(text: string): string
}

const NARROWEST = 60
const WIDEST = 110
const TIME_CHARS = 8
const LABEL_CHARS = 10
const INDENT = ' '.repeat(TIME_CHARS + LABEL_CHARS + 3)

/** SGR codes; the sixteen colours that every theme of a terminal defines. */
const codes: Record<Tone, string> = {
  plain: '',
  quiet: '2',
  agent: '36',
  caller: '32',
  tool: '35',
  good: '1;32',
  warning: '33',
  bad: '1;31',
  strong: '1',
}

export function createLayout(options: { columns: number; hasColours: boolean }): Layout {
  const width = Math.max(NARROWEST, Math.min(WIDEST, options.columns))
  const paint = (text: string, tone: Tone): string =>
    options.hasColours && codes[tone] !== '' && text.trim() !== '' ? `\u001b[${codes[tone]}m${text}\u001b[0m` : text

  return {
    line({ atMs, label, text, tone }) {
      const [first = '', ...rest] = wrapped(text, width - INDENT.length)
      const time = (atMs === null ? '' : seconds(atMs)).padStart(TIME_CHARS)
      const isSpoken = tone === 'plain' || tone === 'agent' || tone === 'caller'
      // What people say is easiest to read in the terminal's own colour.
      const bodyTone = isSpoken ? 'plain' : tone
      const head =
        `${paint(time, 'quiet')}  ${paint(label.padEnd(LABEL_CHARS), tone)} ${paint(first, bodyTone)}`.trimEnd()
      return [head, ...rest.map((each) => INDENT + paint(each, bodyTone))].join('\n')
    },
    text: (text, tone = 'plain', indent = 0) =>
      wrapped(text, width - indent)
        .map((each) => ' '.repeat(indent) + paint(each, tone))
        .join('\n'),
    command: (text) => paint(text, 'quiet'),
    field(name, nameChars, value) {
      const [first = '', ...rest] = wrapped(value, width - nameChars - 4)
      const head = `  ${paint(name.padEnd(nameChars), 'quiet')}  ${first}`
      return [head, ...rest.map((each) => ' '.repeat(nameChars + 4) + each)].join('\n')
    },
    heading: (text) => `${paint(text, 'strong')} ${paint('─'.repeat(Math.max(0, width - text.length - 1)), 'quiet')}`,
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Lines of at most `width`, broken at spaces, or within a word that is longer than a line. What fits stays as it is. */
export function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    if (paragraph.length <= width) return [paragraph]
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ').flatMap((each) => pieces(each, width))) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    return [...lines, line]
  })
}

const pieces = (word: string, width: number): string[] =>
  word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)]
