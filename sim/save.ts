// Keeps a call in a folder, for ears and eyes: a stereo WAV (caller left, agent right), the e-mail as HTML and as text, and
// the trace.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWav } from './audio.ts'
import type { CallResult } from './call.ts'
import { toJsonl } from './trace.ts'
import { tracksOf } from './tracks.ts'

/** Answers with the files written. The folder is there. */
export async function saveCall(folder: string, { evidence, trace }: CallResult): Promise<string[]> {
  const { caller, agent } = tracksOf(evidence.carrier)
  const files: [name: string, content: string | Uint8Array][] = [
    ['call.wav', writeWav([caller, agent])],
    ['trace.jsonl', toJsonl(trace.entries)],
  ]
  evidence.inbox.messages.forEach(({ html, text }, index) => {
    const name = index === 0 ? 'email' : `email-${index + 1}`
    files.push([`${name}.html`, html], [`${name}.txt`, text])
  })
  await Promise.all(files.map(([name, content]) => writeFile(join(folder, name), content)))
  return files.map(([name]) => join(folder, name))
}
