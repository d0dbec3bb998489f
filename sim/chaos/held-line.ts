// A line whose end towards the server can be held: what is sent waits, in its order, while something else must arrive first.
// What is sent in one turn is looked at when the turn is over, so that whatever the turn sets going can still hold it.
import type { Line } from '../network.ts'

/** `line`: the one beneath, once there is one. */
export function createHeldLine(
  line: () => Line | null,
  { isHeld, released }: { isHeld(): boolean; released(): Promise<void> },
): Line {
  const waiting: ((line: Line) => void)[] = []
  let isFlushing = false

  async function flush(): Promise<void> {
    await Promise.resolve()
    if (isHeld()) await released()
    isFlushing = false
    const open = line()
    for (const act of waiting.splice(0)) if (open !== null) act(open)
  }

  function then(act: (line: Line) => void): void {
    waiting.push(act)
    if (isFlushing) return
    isFlushing = true
    void flush()
  }

  return {
    send: (text) => then((open) => open.send(text)),
    close: (code, reason) => then((open) => open.close(code, reason)),
    cut: () => line()?.cut(),
  }
}
