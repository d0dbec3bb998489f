// What anybody may know of the clinic, from its own records rather than from a model's memory.
import { z } from 'zod'
import { limits } from '../config.ts'
import { readAbout, sayWhetherOpen } from './about.ts'
import { optionsMeant } from './matching.ts'
import { defineTool, orNull, text } from './tools.ts'

export const clinicInfo = defineTool({
  name: 'clinic_info',
  description: 'Opening hours, closures, services, who works here, and what else the clinic tells its callers.',
  parameters: z.strictObject({
    topic: orNull('hours, services, providers, or another topic such as address or parking; null for all', text(80)),
  }),
  result: z.strictObject({ say: z.record(z.string(), z.string()) }),
  deadlineMs: limits.clinicToolMs,
  async run({ tx, organization, nowMs }, { topic }) {
    const { hours, services, providers, topics } = await readAbout(tx, organization, nowMs)
    const now = await sayWhetherOpen(tx, organization, nowMs)
    const all: Record<string, string> = { hours: `${now} ${hours}`.trim(), services, providers, ...topics }
    const names = Object.keys(all).map((name) => ({ name }))
    const meant = topic === null ? names : optionsMeant(topic, names)
    const told = (meant.length === 0 ? names : meant).map(({ name }) => [name, all[name] ?? ''] as const)
    return { result: { say: Object.fromEntries(told.filter(([, said]) => said !== '')) } }
  },
})
