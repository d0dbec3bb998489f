// Proofs of the rules that look into the code: who imports whom, what is pure, and habits of the hand. Each is a few small
// trees that break the rule, with the places it must name, and a few that it must let pass.
import { everyTestRuns, noAny, noDoubleCast, noNonNull, noSleep, nothingLeftForLater, sqlInItsPlace } from './habits.ts'
import { acyclic, independentSimulator, layers, oneRuntimeSeam, uncalledRoot } from './layers.ts'
import { pureFiles, purity, purityIsListed } from './purity.ts'
import type { Rule } from './tree.ts'
import { noClinicInCode } from './words.ts'

type Files = Record<string, string>
export type Proof = {
  rule: Rule
  /** What breaks it, and the places that must be named. */
  breaks: [about: string, files: Files, places: string[]][]
  keeps: [about: string, files: Files][]
}

export const proofsOfCode: Proof[] = [
  {
    rule: layers,
    breaks: [
      ['a floor that looks up', { 'src/lib/a.ts': "\nimport { b } from '../db/b.ts'" }, ['src/lib/a.ts:2']],
      ['a type taken from above', { 'src/db/a.ts': "import type { B } from '../calls/b.ts'" }, ['src/db/a.ts:1']],
      [
        'a neighbour called directly',
        { 'src/calls/a.ts': "import { b } from '../messages/b.ts'" },
        ['src/calls/a.ts:1'],
      ],
      ['a type named in passing', { 'src/db/a.ts': "type B = import('../calls/b.ts').B" }, ['src/db/a.ts:1']],
      ['an import when reached', { 'src/db/a.ts': "await import('../calls/b.ts')" }, ['src/db/a.ts:1']],
      ['something passed on', { 'src/db/a.ts': "export { b } from '../calls/b.ts'" }, ['src/db/a.ts:1']],
      ['a server that knows its simulator', { 'src/calls/a.ts': "import '../../sim/b.ts'" }, ['src/calls/a.ts:1']],
      ['an e-mail that looks things up', { 'emails/a.tsx': "import '../src/lib/b.ts'" }, ['emails/a.tsx:1']],
      ['a folder that is on no map', { 'src/misfit/a.ts': "import '../lib/b.ts'" }, ['src/misfit/a.ts:1']],
      ['a vendor that reads settings', { 'src/vendors/a.ts': "import '../config.ts'" }, ['src/vendors/a.ts:1']],
      ['Deps taken as a value', { 'src/calls/a.ts': "import { deps } from '../deps.ts'" }, ['src/calls/a.ts:1']],
      ['settings that know a feature', { 'src/config.ts': "import './calls/a.ts'" }, ['src/config.ts:1']],
    ],
    keeps: [
      ['a call down', { 'src/calls/a.ts': "import { b } from '../conversations/b.ts'\nimport { c } from './c.ts'" }],
      [
        'Deps as a type',
        { 'src/calls/a.ts': "import type { Deps } from '../deps.ts'\nimport { limits } from '../config.ts'" },
      ],
      ['pages over every feature', { 'src/admin/a.ts': "import { b } from '../analysis/b.ts'" }],
      ['an app that mounts everything', { 'src/app.ts': "import { b } from './calls/b.ts'" }],
      ['the mail that renders itself', { 'src/notifications/a.ts': "import { B } from '../../emails/b.tsx'" }],
    ],
  },
  {
    rule: independentSimulator,
    breaks: [
      ['shared logic', { 'sim/a.ts': "import { b } from '../src/calls/b.ts'" }, ['sim/a.ts:1']],
      ['a schema of the wire', { 'sim/a.ts': "import { b } from '../src/wire/b.ts'" }, ['sim/a.ts:1']],
      ['a type of the server', { 'sim/a.ts': "import type { B } from '../src/bridge/b.ts'" }, ['sim/a.ts:1']],
      ['a value among types', { 'sim/a.ts': "import { type B, c } from '../src/wire/b.ts'" }, ['sim/a.ts:1']],
      ["the server's e-mails", { 'sim/a.ts': "import '../emails/b.tsx'" }, ['sim/a.ts:1']],
      ['a house that starts main', { 'sim/house.ts': "import '../src/main.ts'" }, ['sim/house.ts:1']],
    ],
    keeps: [
      ['types of the wire', { 'sim/carrier/a.ts': "import type { B } from '../../src/wire/b.ts'\nimport '../b.ts'" }],
      ['the house', { 'sim/house.ts': "import { createApp } from '../src/app.ts'" }],
    ],
  },
  {
    rule: uncalledRoot,
    breaks: [
      ['a test that imports main', { 'test/a.test.ts': "import '../src/main.ts'" }, ['test/a.test.ts:1']],
      ['a simulator that leans on tests', { 'sim/a.ts': "import '../test/support/b.ts'" }, ['sim/a.ts:1']],
    ],
    keeps: [
      [
        'a test that imports its support',
        { 'test/http/a.test.ts': "import '../support/b.ts'\nimport '../../sim/c.ts'" },
      ],
    ],
  },
  {
    rule: acyclic,
    breaks: [
      [
        'a circle of three',
        { 'src/lib/a.ts': "import './b.ts'", 'src/lib/b.ts': "import './c.ts'", 'src/lib/c.ts': "import './a.ts'" },
        ['src/lib/c.ts:1'],
      ],
    ],
    keeps: [
      ['a circle of types', { 'src/lib/a.ts': "import './b.ts'", 'src/lib/b.ts': "import type { A } from './a.ts'" }],
      [
        'two ways to one file',
        { 'src/lib/a.ts': "import './b.ts'\nimport './c.ts'", 'src/lib/b.ts': "import './c.ts'", 'src/lib/c.ts': '' },
      ],
    ],
  },
  {
    rule: oneRuntimeSeam,
    breaks: [
      ['a global of Bun', { 'src/lib/a.ts': '\nexport const a = Bun.version' }, ['src/lib/a.ts:2']],
      ['a global of Deno', { 'src/main.ts': 'Deno.exit(1)' }, ['src/main.ts:1']],
      ['Bun reached by way of globalThis', { 'src/lib/a.ts': 'globalThis.Bun' }, ['src/lib/a.ts:1']],
      ['a module of Bun', { 'src/lib/a.ts': "import { Database } from 'bun:sqlite'" }, ['src/lib/a.ts:1']],
    ],
    keeps: [
      ['the seam', { 'src/platform/a.ts': 'Bun.serve({})' }],
      ['a name in words', { 'src/lib/a.ts': "// Runs on Bun and Deno.\nconst name = 'Bun'" }],
    ],
  },
  {
    rule: purity,
    breaks: [
      ['the clock', { 'src/conversations/merge.ts': '\nconst a = Date.now()' }, ['src/conversations/merge.ts:2']],
      [
        'the clock, constructed',
        { 'src/conversations/merge.ts': 'const a = new Date()' },
        ['src/conversations/merge.ts:1'],
      ],
      ['the clock, by Temporal', { 'src/clinic/slots.ts': 'Temporal.Now.instant()' }, ['src/clinic/slots.ts:1']],
      ['a timer', { 'src/bridge/machine.ts': 'setTimeout(() => {}, 1)' }, ['src/bridge/machine.ts:1']],
      ['chance', { 'src/bridge/machine.ts': 'Math.random()' }, ['src/bridge/machine.ts:1']],
      ['chance from crypto', { 'src/bridge/audio.ts': 'crypto.randomUUID()' }, ['src/bridge/audio.ts:1']],
      [
        'chance from node',
        { 'src/bridge/audio.ts': "import { randomBytes } from 'node:crypto'" },
        ['src/bridge/audio.ts:1'],
      ],
      ['the network', { 'src/calls/twiml.ts': "fetch('/')" }, ['src/calls/twiml.ts:1']],
      ['the environment', { 'src/calls/twiml.ts': 'process.env.PORT' }, ['src/calls/twiml.ts:1']],
      ['a package that acts', { 'src/calls/twiml.ts': "import postgres from 'postgres'" }, ['src/calls/twiml.ts:1']],
      ['a file that may do anything', { 'sim/audit/a.ts': "import { b } from '../memory.ts'" }, ['sim/audit/a.ts:1']],
    ],
    keeps: [
      [
        'a date from an instant',
        { 'src/conversations/merge.ts': 'const a = (atMs: number) => new Date(atMs).toISOString()' },
      ],
      [
        'its own fetch',
        { 'src/bridge/machine.ts': 'const run = (fetch: () => number) => fetch()\nconst a = { fetch: 1 }.fetch' },
      ],
      ['the types of anything', { 'src/bridge/machine.ts': "import type { Log } from '../lib/log.ts'" }],
      [
        'another pure file',
        { 'src/conversations/merge.ts': "import { b } from './events.ts'\nimport { z } from 'zod'" },
      ],
      ['a file that need not be pure', { 'src/lib/clock.ts': 'Date.now()' }],
    ],
  },
  {
    rule: purityIsListed,
    breaks: [['a list without files', {}, pureFiles.map(() => 'test/tidy/purity.ts:1')]],
    keeps: [['a list with files', Object.fromEntries(pureFiles.map((path) => [path.replace(/\/$/, '/a.ts'), '']))]],
  },
  {
    rule: sqlInItsPlace,
    breaks: [
      ['a query', { 'src/calls/webhook.ts': "\nconst a = 'select id from calls'" }, ['src/calls/webhook.ts:2']],
      [
        'a query over lines',
        { 'src/calls/webhook.ts': 'const a = `\n  UPDATE calls SET a = 1`' },
        ['src/calls/webhook.ts:1'],
      ],
      ['a tagged fragment', { 'src/calls/webhook.ts': 'const a = sql`now()`' }, ['src/calls/webhook.ts:1']],
    ],
    keeps: [
      ['a store', { 'src/calls/store.ts': 'sql`select 1 from calls`', 'src/calls/token-store.ts': 'sql`now()`' }],
      ['the database folder', { 'src/db/migrate.ts': "const a = 'create role x'" }],
      ['a sentence', { 'src/admin/a.ts': "const a = 'Select a day from the list'\nconst b = 'Update your number'" }],
      ['a test, which looks from outside', { 'test/store/a.test.ts': "const a = 'delete from calls'" }],
    ],
  },
  {
    rule: noClinicInCode,
    breaks: [
      [
        'an organization in a route',
        { 'src/calls/a.ts': "\nconst a = '9b2f3c1e-0d4a-4f6b-8a7c-1e2d3f4a5b6c'" },
        ['src/calls/a.ts:2'],
      ],
    ],
    keeps: [['the demo seed', { 'src/db/demo.ts': "const a = '9b2f3c1e-0d4a-4f6b-8a7c-1e2d3f4a5b6c'" }]],
  },
  {
    rule: noAny,
    breaks: [['any', { 'src/a.ts': '\nconst a = (b: any) => b' }, ['src/a.ts:2']]],
    keeps: [['unknown, and the word', { 'src/a.ts': "// any\nconst any: unknown = 'any'" }]],
  },
  {
    rule: noNonNull,
    breaks: [
      ['an assertion', { 'test/a.test.ts': '\nconst a = b!.c' }, ['test/a.test.ts:2']],
      ['a promise to assign', { 'src/a.ts': 'let a!: string' }, ['src/a.ts:1']],
    ],
    keeps: [['a negation', { 'src/a.ts': 'const a = !b && c !== d' }]],
  },
  {
    rule: noDoubleCast,
    breaks: [
      ['a double cast', { 'sim/a.ts': '\nconst a = b as unknown as string' }, ['sim/a.ts:2']],
      ['a double cast in parentheses', { 'sim/a.ts': 'const a = (b as unknown) as string' }, ['sim/a.ts:1']],
    ],
    keeps: [['a single one', { 'sim/a.ts': 'const a = b as unknown' }]],
  },
  {
    rule: nothingLeftForLater,
    breaks: [
      ['a note to self', { 'src/a.ts': `\n// ${'TO'}${'DO'}: later` }, ['src/a.ts:2']],
      ['a silenced compiler', { 'src/a.ts': `// @ts-${'ignore'}` }, ['src/a.ts:1']],
    ],
    keeps: [['a to-do list of the clinic', { 'src/a.ts': "const title = 'To do today'" }]],
  },
  {
    rule: everyTestRuns,
    breaks: [
      ['a test that is skipped', { 'test/a.test.ts': "\ntest.skip('a', () => {})" }, ['test/a.test.ts:2']],
      ['a test that runs alone', { 'test/a.test.ts': "describe.only('a', () => {})" }, ['test/a.test.ts:1']],
      ['a test that runs in some places', { 'test/a.test.ts': "test.skipIf(b)('a', () => {})" }, ['test/a.test.ts:1']],
    ],
    keeps: [['a table of tests', { 'test/a.test.ts': "test.each([1])('a', () => {})\nlist.skip(1)" }]],
  },
  {
    rule: noSleep,
    breaks: [
      ['a sleep', { 'test/a.test.ts': '\nawait Bun.sleep(10)' }, ['test/a.test.ts:2']],
      [
        'a promised timer',
        { 'test/a.test.ts': 'await new Promise((done) => setTimeout(done, 10))' },
        ['test/a.test.ts:1'],
      ],
      [
        'a timer that only resolves',
        { 'test/a.ts': 'new Promise((done) => setTimeout(() => done(1), 10))' },
        ['test/a.ts:1'],
      ],
      [
        'promised timers',
        { 'test/a.test.ts': "import { setTimeout } from 'node:timers/promises'" },
        ['test/a.test.ts:1'],
      ],
    ],
    keeps: [
      [
        'a deadline',
        { 'test/a.ts': "new Promise((done, fail) => { on('x', done); setTimeout(() => fail(late), 10) })" },
      ],
      ['the simulator, whose business is time', { 'sim/a.ts': 'new Promise((done) => setTimeout(done, 10))' }],
    ],
  },
]
