// The lines of an answer that comes bit by bit, for as long as there are any: whoever sends them may end, or die, at any time.

/** Ends also where the connection breaks off; what there is of a last line then is lost. Empty lines are left out. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield line
    }
  } catch (error) {
    // What is wrong with a connection has a code; everything else is wrong with us.
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}
