// A Postgres that nobody else uses, for whoever wants to restart it: kept between runs, like everybody's, but lent to one
// process at a time. Who has it is written beside it; a note of a process that is gone counts for nothing.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { openPostgres, type Postgres } from './house.ts'
import { Mistake } from './mistake.ts'

const folder = join('.frontdesk', 'own-postgres')
/** As many runs of one checkout can have one at once. */
const places = 8

export async function openOwnPostgres(onProgress: (step: string) => void): Promise<Postgres> {
  const place = takePlace()
  const giveBack = () => fs.rmSync(noteIn(place), { force: true })
  try {
    const postgres = await openPostgres(onProgress, place)
    return { ...postgres, stop: () => postgres.stop().finally(giveBack) }
  } catch (error) {
    giveBack()
    throw error
  }
}

const noteIn = (place: string): string => `${place}.taken`

function takePlace(): string {
  fs.mkdirSync(folder, { recursive: true })
  for (let number = 1; number <= places; number++) {
    const place = join(folder, String(number))
    if (isTaken(place)) return place
  }
  throw new Mistake(`${places} runs with a database of their own are under way already: wait for one to end.`)
}

/** A place whose holder is gone is first taken away from it, by one of those who see that, and then is as free as any. */
function isTaken(place: string): boolean {
  const note = noteIn(place)
  try {
    if (!isRunning(Number(fs.readFileSync(note, 'utf8')))) fs.renameSync(note, `${note}.${process.pid}`)
    fs.rmSync(`${note}.${process.pid}`, { force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  try {
    fs.writeFileSync(note, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
