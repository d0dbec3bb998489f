// Proofs of the rules that look at files from outside: shape, name, use, packages, migrations and places. Each is a few
// small trees that break the rule, with the places it must name, and a few that it must let pass.
import { hashOf, journalIsInOrder, migrationsAreAppendOnly } from './migrations.ts'
import { everyImportIsDeclared, everyPackageIsUsed } from './packages.ts'
import type { Proof } from './proofs-of-code.ts'
import { noBarrels, opensWithPurpose, shortFiles, tellingNames } from './shape.ts'
import { everyExportIsTaken, everyFileIsReached } from './unused.ts'
import { noMachinePlaces } from './words.ts'

const journal = (...tags: string[]) =>
  JSON.stringify({ entries: tags.map((tag, idx) => ({ idx, when: idx + 1, tag })) })
const lines = (count: number) => 'export {}\n'.repeat(count)
const manifest = (dependencies: string[], devDependencies: string[] = []) => {
  const versions = (names: string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']))
  return JSON.stringify({ dependencies: versions(dependencies), devDependencies: versions(devDependencies) }, null, 2)
}

export const proofsOfFiles: Proof[] = [
  {
    rule: shortFiles,
    breaks: [['a long file', { 'src/a.ts': lines(401) }, ['src/a.ts:401']]],
    keeps: [
      ['a file at the limit', { 'src/a.ts': lines(400) }],
      ['long texts that are no code', { 'README.md': lines(900), 'drizzle/0000_a.sql': lines(900) }],
    ],
  },
  {
    rule: opensWithPurpose,
    breaks: [
      ['a bare file', { 'src/a.ts': 'export const a = 1' }, ['src/a.ts:1']],
      ['a curt opening of a long file', { 'src/a.ts': `// Short.\n${lines(100)}` }, ['src/a.ts:1']],
      ['an essay', { 'src/a.ts': '// line\n'.repeat(9) }, ['src/a.ts:1']],
    ],
    keeps: [
      ['two lines', { 'src/a.ts': `// What it is for,\n// and what it refuses.\n${lines(300)}` }],
      ['one line of a small file', { 'src/a.ts': '// What it is for.\nexport const a = 1' }],
      [
        'one line of a file of tests, whose names say the rest',
        { 'test/a.test.ts': `// What it holds.\n${lines(300)}` },
      ],
      ['a script', { 'sim/cli.ts': '#!/usr/bin/env bun\n// What it is for.' }],
    ],
  },
  {
    rule: tellingNames,
    breaks: [
      ['an empty word', { 'src/calls/call-helper.ts': '' }, ['src/calls/call-helper.ts:1']],
      ['an empty folder', { 'src/utils/time.ts': '' }, ['src/utils/time.ts:1']],
      ['capitals', { 'src/calls/CallStore.ts': '' }, ['src/calls/CallStore.ts:1']],
      ['underscores', { 'src/calls/call_store.ts': '' }, ['src/calls/call_store.ts:1']],
    ],
    keeps: [
      ['words of the domain', { 'src/db/database.ts': '', 'test/pure/call-merge.test.ts': '', 'src/a/deno.d.ts': '' }],
    ],
  },
  {
    rule: noBarrels,
    breaks: [
      ['an index', { 'src/calls/index.ts': 'export const a = 1' }, ['src/calls/index.ts:1']],
      ['something passed on', { 'src/calls/a.ts': "\nexport { b } from './b.ts'" }, ['src/calls/a.ts:2']],
      ['everything passed on', { 'src/wire/a.ts': "export type * from 'vendor'" }, ['src/wire/a.ts:1']],
    ],
    keeps: [["a vendor's types, named", { 'src/wire/a.ts': "export type { B } from 'vendor'" }]],
  },
  {
    rule: everyExportIsTaken,
    breaks: [
      ['an export nobody takes', { 'src/a.ts': '\nexport const a = 1' }, ['src/a.ts:2']],
      ['an unused shape', { 'src/a.ts': 'export type A = string' }, ['src/a.ts:1']],
      [
        'what only a test takes',
        { 'src/a.ts': 'export function a() {}', 'test/a.test.ts': "import { a } from '../src/a.ts'" },
        ['src/a.ts:1'],
      ],
      [
        'one name of several',
        { 'src/a.ts': 'export const a = 1,\n  b = 2', 'src/b.ts': "import { a as c } from './a.ts'" },
        ['src/a.ts:2'],
      ],
    ],
    keeps: [
      ['an export that is taken', { 'src/a.ts': 'export class A {}', 'src/b.ts': "import { A } from './a.ts'" }],
      ['a namespace', { 'src/a.ts': 'export const a = 1', 'src/b.ts': "import * as a from './a.ts'" }],
      ['the type of an offer', { 'src/a.ts': 'type A = { b: B }\nexport type B = string' }],
      [
        'a step that its own file takes and a test tries',
        { 'src/a.ts': 'export const a = 1\nconsole.log(a)', 'test/a.test.ts': "import { a } from '../src/a.ts'" },
      ],
    ],
  },
  {
    rule: everyFileIsReached,
    breaks: [
      [
        'a file nobody imports',
        { 'src/a.ts': '', 'src/b.ts': '', 'test/b.test.ts': "import '../src/b.ts'" },
        ['src/a.ts:1'],
      ],
    ],
    keeps: [
      ['a script', { 'package.json': '{ "scripts": { "sim": "bun sim/cli.ts" } }', 'sim/cli.ts': '' }],
      ['a process started from beside it', { 'src/b.ts': '', 'src/a.test.ts': "new URL('./b.ts', import.meta.url)" }],
      ['a process that another starts', { 'test/run.ts': '', 'test/a.test.ts': "spawn('bun', 'test/run.ts')" }],
    ],
  },
  {
    rule: everyPackageIsUsed,
    breaks: [
      [
        'a package nobody imports',
        { 'package.json': manifest(['zod', 'left']), 'src/a.ts': "import 'zod'" },
        ['package.json:4'],
      ],
      ['types of a package that went', { 'package.json': manifest([], ['@types/pg']) }, ['package.json:4']],
    ],
    keeps: [
      ['a part of a package', { 'package.json': manifest(['@a/b']), 'src/a.ts': "import { c } from '@a/b/c'" }],
      ['a tool', { 'package.json': manifest([], ['@biomejs/biome']) }],
    ],
  },
  {
    rule: everyImportIsDeclared,
    breaks: [
      ['an undeclared package', { 'package.json': manifest([]), 'test/a.ts': "\nimport 'zod'" }, ['test/a.ts:2']],
      [
        'a server that needs a devDependency',
        { 'package.json': manifest([], ['a']), 'src/a.ts': "import 'a'" },
        ['src/a.ts:1'],
      ],
    ],
    keeps: [
      ['a devDependency of the simulator', { 'package.json': manifest([], ['a']), 'sim/a.ts': "import 'a'" }],
      [
        'a devDependency fetched when reached',
        { 'package.json': manifest([], ['a']), 'src/a.ts': "await import('a')" },
      ],
      [
        'what comes with the runtime',
        { 'package.json': manifest([]), 'test/a.ts': "import 'node:fs'\nimport 'bun:test'" },
      ],
    ],
  },
  {
    rule: journalIsInOrder,
    breaks: [
      [
        'a gap',
        {
          'drizzle/meta/_journal.json': journal('0000_a', '0002_b'),
          'drizzle/0000_a.sql': '',
          'drizzle/0002_b.sql': '',
        },
        ['drizzle/meta/_journal.json:1'],
      ],
      ['a missing file', { 'drizzle/meta/_journal.json': journal('0000_a') }, ['drizzle/meta/_journal.json:1']],
      ['a file out of the journal', { 'drizzle/0000_a.sql': '' }, ['drizzle/0000_a.sql:1']],
    ],
    keeps: [['two in order', { 'drizzle/meta/_journal.json': journal('0000_a'), 'drizzle/0000_a.sql': 'select 1' }]],
  },
  {
    rule: migrationsAreAppendOnly,
    breaks: [
      [
        'an edit',
        {
          'test/tidy/migrations.json': JSON.stringify({ '0000_a': hashOf('select 1') }),
          'drizzle/meta/_journal.json': journal('0000_a'),
          'drizzle/0000_a.sql': 'select 2',
        },
        ['drizzle/0000_a.sql:1'],
      ],
      ['a removal', { 'test/tidy/migrations.json': '{ "0000_a": "" }' }, ['drizzle/0000_a.sql:1']],
      [
        'one squeezed in before it',
        {
          'test/tidy/migrations.json': JSON.stringify({ '0000_a': hashOf('select 1') }),
          'drizzle/meta/_journal.json': journal('0000_b', '0000_a'),
          'drizzle/0000_a.sql': 'select 1',
        },
        ['drizzle/0000_a.sql:1'],
      ],
    ],
    keeps: [
      [
        'a new one after it',
        {
          'test/tidy/migrations.json': JSON.stringify({ '0000_a': hashOf('select 1') }),
          'drizzle/meta/_journal.json': journal('0000_a', '0001_b'),
          'drizzle/0000_a.sql': 'select 1',
        },
      ],
    ],
  },
  {
    rule: noMachinePlaces,
    breaks: [["somebody's home", { 'README.md': `\nSee ${'/ho'}${'me/ann/'}notes.` }, ['README.md:2']]],
    keeps: [
      ['a path of the repository, and of the web', { 'README.md': 'See test/run.ts and https://example.test/work/.' }],
    ],
  },
]
