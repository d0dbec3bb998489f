// PURE. What of the agent's speech the caller has heard. Audio is sent faster than it sounds, so after each piece a mark is
// sent along, and comes back when the piece has sounded. Only marks that came back count, and never beyond what was sent.
// A `clear` makes Twilio return all marks at once; they carry an older generation by then, and count for nothing.

export type Playback = {
  /** Counts the clears. */
  generation: number
  nextPart: number
  /** What the agent says, in the order it was begun, until it is finished and taken. */
  items: readonly SpokenItem[]
  /** When all that was sent would have sounded, if it began to sound as it was sent. */
  soundsUntilMs: number
}

export type SpokenItem = {
  itemId: string
  responseId: string
  parts: readonly Part[]
  /** When its first sound is heard, by the same reckoning. */
  startedAtMs: number
  /** The model adds nothing to it any more. */
  isGenerated: boolean
  /** Its session was lost before it was whole: its words run ahead of its sound. */
  isTorn: boolean
  /** Of a session that is gone: the present one has it as words. */
  isOfBefore: boolean
  /** Cut off before it was all heard; `wasGenerated`: by then all of its audio had been sent. */
  cut: { wasGenerated: boolean } | null
}

/** One content part of an item. `number` is its name in marks, unique in the call. */
export type Part = { number: number; contentIndex: number; sentBytes: number; heardBytes: number; text: string }

/** Where a piece of audio stands: what its mark is made of. */
export type Place = { generation: number; part: number; fromByte: number }

export type PartName = { responseId: string; itemId: string; contentIndex: number }

/** μ-law at 8 kHz. */
export const bytesPerMs = 8

export const silentPlayback: Playback = { generation: 0, nextPart: 0, items: [], soundsUntilMs: 0 }

/** The name of the mark that follows the audio up to `heardBytes` of its part. */
export const markName = (generation: number, part: number, heardBytes: number): string =>
  `${generation}.${part}.${heardBytes}`

const markShape = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/

/** An item has begun, with or without sound as yet. */
export function begin(playback: Playback, itemId: string, responseId: string, atMs: number): Playback {
  if (playback.items.some((item) => item.itemId === itemId)) return playback
  const item: SpokenItem = {
    itemId,
    responseId,
    parts: [],
    startedAtMs: atMs,
    isGenerated: false,
    isTorn: false,
    isOfBefore: false,
    cut: null,
  }
  return { ...playback, items: [...playback.items, item] }
}

/** Audio goes to the caller. */
export function send(playback: Playback, name: PartName, bytes: number, atMs: number): [Playback, Place] {
  const soundsFromMs = Math.max(atMs, playback.soundsUntilMs)
  const place = { generation: playback.generation, part: -1, fromByte: 0 }
  const next = changePart(playback, name, atMs, (part) => {
    place.part = part.number
    place.fromByte = part.sentBytes
    return { ...part, sentBytes: part.sentBytes + bytes }
  })
  const items = next.items.map((item) =>
    item.itemId === name.itemId && sentBytes(item) === bytes ? { ...item, startedAtMs: soundsFromMs } : item,
  )
  return [{ ...next, items, soundsUntilMs: soundsFromMs + bytes / bytesPerMs }, place]
}

/** The words of a part, as they become known: text to add, or the whole of it. */
export const spell = (playback: Playback, name: PartName, words: { add: string } | { whole: string }, atMs: number) =>
  changePart(playback, name, atMs, (part) => ({
    ...part,
    text: 'add' in words ? part.text + words.add : words.whole,
  }))

function changePart(playback: Playback, name: PartName, atMs: number, change: (part: Part) => Part): Playback {
  const begun = begin(playback, name.itemId, name.responseId, atMs)
  let { nextPart } = begun
  const items = begun.items.map((item) => {
    if (item.itemId !== name.itemId) return item
    if (item.parts.some((part) => part.contentIndex === name.contentIndex)) {
      return {
        ...item,
        parts: item.parts.map((part) => (part.contentIndex === name.contentIndex ? change(part) : part)),
      }
    }
    const part = { number: nextPart++, contentIndex: name.contentIndex, sentBytes: 0, heardBytes: 0, text: '' }
    return { ...item, parts: [...item.parts, change(part)] }
  })
  return { ...begun, items, nextPart }
}

/** A mark came back. One of an older generation, or one that we never sent, changes nothing. */
export function hear(playback: Playback, mark: string): Playback {
  const [, generation, number, bytes] = markShape.exec(mark) ?? []
  if (Number(generation) !== playback.generation) return playback
  return changeItems(playback, (item) => ({
    ...item,
    parts: item.parts.map((part) =>
      part.number === Number(number)
        ? { ...part, heardBytes: Math.min(part.sentBytes, Math.max(part.heardBytes, Number(bytes))) }
        : part,
    ),
  }))
}

/** All marks are long overdue: the caller is taken to have heard what was sent, or the agent would forget having said it. */
export const presumeHeard = (playback: Playback): Playback =>
  changeItems(playback, (item) => ({
    ...item,
    parts: item.parts.map((part) => ({ ...part, heardBytes: part.sentBytes })),
  }))

/** The model adds nothing more to this item, or to any item of this response. */
export const finishItem = (playback: Playback, itemId: string): Playback =>
  changeItems(playback, (item) => (item.itemId === itemId ? { ...item, isGenerated: true } : item))
export const finishResponse = (playback: Playback, responseId: string): Playback =>
  changeItems(playback, (item) => (item.responseId === responseId ? { ...item, isGenerated: true } : item))

/** The model is gone: it adds nothing to anything, and what was sent of it sounds on. */
export const abandon = (playback: Playback): Playback =>
  changeItems(playback, (item) => ({
    ...item,
    isGenerated: true,
    isTorn: item.isTorn || !item.isGenerated,
    isOfBefore: true,
  }))

const changeItems = (playback: Playback, change: (item: SpokenItem) => SpokenItem): Playback => ({
  ...playback,
  items: playback.items.map(change),
})

/** What the model must be told of an item that the caller did not hear to its end. */
export type Cut =
  | { itemId: string; keep: 'nothing' }
  /** It has words in place of the sound, which are mended once it is known how many of them were heard. */
  | { itemId: string; keep: 'words' }
  /** Each part that was not heard to its end, and how much of it was. */
  | { itemId: string; keep: 'heard'; parts: { contentIndex: number; heardMs: number }[] }

/**
 * Cuts off everything that is not heard to its end: what waits at Twilio and what the model is still making.
 * `isSounding`: some of it has sound, so the line must be cleared; from then on, earlier marks count for nothing.
 */
export function cutOff(playback: Playback): { playback: Playback; cuts: Cut[]; isSounding: boolean } {
  const unfinished = playback.items.filter(isUnfinished)
  const isSounding = unfinished.some((item) => sentBytes(item) > 0)
  const items = playback.items.map((item) =>
    isUnfinished(item) ? { ...item, cut: { wasGenerated: item.isGenerated } } : item,
  )
  const cleared = isSounding ? { generation: playback.generation + 1, soundsUntilMs: 0 } : {}
  return { playback: { ...playback, ...cleared, items }, cuts: unfinished.map(cutOf), isSounding }
}

const isUnfinished = (item: SpokenItem): boolean => item.cut === null && !(item.isGenerated && isAllHeard(item))

function cutOf({ itemId, parts, isGenerated, isOfBefore }: SpokenItem): Cut {
  if (isOfBefore) return { itemId, keep: 'words' }
  if (parts.every(({ heardBytes }) => heardBytes === 0)) return { itemId, keep: 'nothing' }
  const last = parts.at(-1)
  const cutParts = parts
    .filter((part) => part.sentBytes > 0 && (part.heardBytes < part.sentBytes || (part === last && !isGenerated)))
    .map(({ contentIndex, heardBytes }) => ({ contentIndex, heardMs: Math.floor(heardBytes / bytesPerMs) }))
  return { itemId, keep: 'heard', parts: cutParts }
}

/** Items of which nothing more can be learnt: all heard, or cut; and the model is done with them. */
export function takeFinished(playback: Playback): [Playback, SpokenItem[]] {
  const isFinished = (item: SpokenItem) => item.isGenerated && (item.cut !== null || isAllHeard(item))
  const finished = playback.items.filter(isFinished)
  if (finished.length === 0) return [playback, finished]
  return [{ ...playback, items: playback.items.filter((item) => !isFinished(item)) }, finished]
}

/** Sound that was sent, is not cut off, and is not known to be heard. */
export const unheardBytes = ({ items }: Playback): number =>
  items.reduce((sum, item) => (item.cut === null ? sum + sentBytes(item) - heardBytes(item) : sum), 0)

export const sentBytes = ({ parts }: SpokenItem): number => parts.reduce((sum, part) => sum + part.sentBytes, 0)
export const heardBytes = ({ parts }: SpokenItem): number => parts.reduce((sum, part) => sum + part.heardBytes, 0)
const isAllHeard = (item: SpokenItem): boolean => item.parts.every((part) => part.heardBytes >= part.sentBytes)
