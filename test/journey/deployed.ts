// Calls to a deployment: the server as several processes on a Postgres that the test may restart, and a carrier, a model and an
// inbox of ours. In real time; a test waits for what goes over a wire, never for a while.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import type { ServerView } from '../../sim/audit/case.ts'
import { type CallResult, runCall } from '../../sim/call.ts'
import { realClock } from '../../sim/clock.ts'
import { type Deployment, type DeploymentOptions, openDeployment } from '../../sim/deployment.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { publicBaseUrl } from '../../sim/house.ts'
import { openOwnPostgres } from '../../sim/own-postgres.ts'
import { createRandom } from '../../sim/random.ts'
import type { CallerStep, Cue, Fixture, ModelOutput } from '../../sim/script.ts'
import { createSpeech } from '../../sim/speech.ts'
import type { Trace, TraceEntry } from '../../sim/trace.ts'
import { createView, type View } from '../../sim/view.ts'
import { openWorld, type World } from '../../sim/world.ts'

export type Script = {
  caller: readonly CallerStep[]
  responses: ModelOutput[][]
  settings?: Record<string, unknown>
}

export type Deployed = {
  world: World
  deployment: Deployment
  view: View
  /** As the superuser, past the server. */
  admin: postgres.Sql
  /**
   * Places a call, and resolves once its mail has gone. `watch` sees all that goes over the wires, and which call it is about
   * (empty until its first stream).
   */
  call(script: Script, watch?: (entry: TraceEntry, callSid: string) => void): Promise<CallResult>
  /** What the server planned for later falls due now. */
  hurry(task: string): Promise<void>
  close(): Promise<void>
}

export async function openDeployed(options: DeploymentOptions): Promise<Deployed> {
  const database = await openOwnPostgres(() => {})
  const world = await openWorld(realClock, createRandom('deployed'))
  const deployment = await openDeployment(world, database, options)
  const view = createView(deployment.adminUrl)
  const admin = postgres(deployment.adminUrl, { max: 2, onnotice: () => {} })
  const usual = await loadFixture('default')
  let calls = 0
  return {
    world,
    deployment,
    view,
    admin,
    call(script, watch = () => {}) {
      let callSid = ''
      const onTrace = (trace: Trace) =>
        trace.onEntry((entry) => {
          if (entry.wire === 'media' && entry.what === 'start') callSid = callOf(entry.body)
          watch(entry, callSid)
        })
      const scene = { world, network: deployment.network, publicBaseUrl, view, clinic: deployment }
      return runCall(scene, { fixture: fixtureOf(usual, script), seed: `call ${++calls}`, speech, onTrace })
    },
    async hurry(task) {
      await admin`select graphile_worker.reschedule_jobs(run_at := now(), job_ids := array(
        select id from graphile_worker.jobs where task_identifier = ${task}))`
    },
    async close() {
      await view.end()
      await admin.end({ timeout: 1 })
      await deployment.close()
      await world.close()
      await database.stop()
    },
  }
}

const callOf = (start: unknown): string => (start as { start: { callSid: string } }).start.callSid

const fixtureOf = (usual: Fixture, { caller, responses, settings = {} }: Script): Fixture => {
  const hears = caller.flatMap((step) => (step.act === 'say' ? [step.words] : []))
  const clinic = { ...usual.clinic, settings: { recordCalls: false, ...settings } }
  return { ...usual, clinic, caller: [...caller], model: { ...usual.model, hears, responses } }
}

/** Made beforehand, where it is not kept already. */
export const speech = createSpeech({ cacheFolder: '.frontdesk/speech' })

const audioFolder = fileURLToPath(new URL('../../sim/fixtures/audio/', import.meta.url))

/** What the caller says, in a voice of the fixtures. */
export async function says(cue: Cue & { waitMs?: number }, words: string, audio: string): Promise<CallerStep> {
  return {
    waitMs: 200,
    ...cue,
    act: 'say',
    words,
    audio: new Uint8Array(await readFile(`${audioFolder}${audio}.ulaw`)),
  }
}

/** Facts of one kind in the ledger, in the order of their recording. */
export const factsOf = ({ evidence }: CallResult, kind: string) => factsIn(evidence.server, kind)

export const factsIn = (server: ServerView | null, kind: string) =>
  (server?.events ?? []).filter((event) => event.kind === kind).map(({ fact }) => fact)
