// The options of the command line that make a caller: their order among each other is the order of the call. Refuses what
// cannot be meant, with a reason.
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CallerWish } from './caller-wish.ts'
import { Mistake } from './mistake.ts'

type Act = { say: string } | { audio: string } | { bargeInMs: number }
export type CallerFlags = {
  /** In the order of the command line. */
  acts: Act[]
  dtmf?: { digits: string; atMs: number }[]
  hangUp?: number
}

const LONGEST_MS = 10 * 60_000

/** `2.1s`, `800ms`; without a unit, seconds. */
function duration(text: string): number {
  const [, value, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? []
  const ms = Math.round(Number(value) * (unit === 's' ? 1_000 : 1))
  if (value === undefined || ms > LONGEST_MS)
    throw new InvalidArgumentError('A time is written 3s, 2.1s or 800ms, and is ten minutes at the most.')
  return ms
}

function keys(text: string): { digits: string; atMs: number } {
  const [, digits, time] = /^([0-9*#]{1,32})@(.+)$/.exec(text) ?? []
  if (digits === undefined || time === undefined)
    throw new InvalidArgumentError('Keys are written with their time: 1@3s, or 12#@4.5s.')
  return { digits, atMs: duration(time) }
}

/** Adds them to a command; `acts` collects what has an order. */
export function addCallerOptions(command: Command, acts: Act[]): Command {
  const collect = (name: string, help: string, read: (text: string) => Act) =>
    command.addOption(
      new Option(name, help).argParser((text: string) => {
        const act = read(text)
        acts.push(act)
        return act
      }),
    )
  collect('--say <text>', 'the caller says this when the agent has finished; may be given again', (say) => ({ say }))
  collect('--audio <file>', 'the same with a recording: .wav, or .ulaw (8 kHz, no header)', (file) => ({
    audio: resolve(file),
  }))
  collect('--barge-in <time>', 'what follows is said into the agent’s words, so long after they begin', (text) => ({
    bargeInMs: duration(text),
  }))
  return command
    .addOption(
      new Option('--dtmf <keys@time>', 'press keys so long after the answer: 1@3s; may be given again').argParser(
        (text: string, before: ReturnType<typeof keys>[] = []) => [...before, keys(text)],
      ),
    )
    .addOption(new Option('--hang-up <time>', 'hang up so long after the answer').argParser(duration))
}

/** What they ask for; nothing, if none was given. Throws a Mistake. */
export function callerWishOf({ acts, dtmf = [], hangUp }: CallerFlags): CallerWish | undefined {
  if (acts.length === 0 && dtmf.length === 0 && hangUp === undefined) return undefined
  const late = dtmf.find(({ atMs }) => hangUp !== undefined && atMs >= hangUp)
  if (late !== undefined)
    throw new Mistake(`--dtmf ${late.digits}@${late.atMs / 1000}s: the caller has hung up by then (--hang-up).`)
  const wish: CallerWish = { turns: [], keys: dtmf, ...(hangUp === undefined ? {} : { hangUpAtMs: hangUp }) }
  let bargeInMs: number | undefined
  for (const act of acts) {
    if (!('bargeInMs' in act)) {
      wish.turns.push({ ...act, ...(bargeInMs === undefined ? {} : { bargeInMs }) })
      bargeInMs = undefined
    } else if (bargeInMs === undefined) ({ bargeInMs } = act)
    else throw new Mistake('--barge-in twice: put a --say or --audio after the first, which is what cuts in.')
  }
  if (bargeInMs === undefined) return wish
  if (wish.turns.length > 0)
    throw new Mistake('--barge-in: put it before the --say or --audio that cuts in; nothing follows it here.')
  return { ...wish, bargeInMs }
}

/** As they are typed, for having the same call again. */
export function typed({ turns, keys: pressed, hangUpAtMs, bargeInMs }: CallerWish): string[] {
  const time = (ms: number) => `${ms / 1000}s`
  const cut = (ms: number | undefined) => (ms === undefined ? [] : [`--barge-in ${time(ms)}`])
  return [
    ...turns.flatMap(({ say, audio, bargeInMs: cutMs }) => [
      ...cut(cutMs),
      say === undefined ? `--audio ${word(audio ?? '')}` : `--say ${quoted(say)}`,
    ]),
    ...cut(bargeInMs),
    ...pressed.map(({ digits, atMs }) => `--dtmf '${digits}@${time(atMs)}'`),
    ...(hangUpAtMs === undefined ? [] : [`--hang-up ${time(hangUpAtMs)}`]),
  ]
}

/** As a shell takes it for one word. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The same, in quotes only where a shell needs them. */
export const word = (text: string): string => (/^[\w./:@+,=-]+$/.test(text) ? text : quoted(text))
