// What must stand in no committed text: places that exist on one machine only, and a clinic's identity.
import { type Finding, linesMatching, type Rule } from './tree.ts'

// Spelt in pieces, so that the rule can be held against its own file.
const machinePlaces = new RegExp(
  `(^|[\\s"'\`(=:])/(${['wo' + 'rk', 'tmp/br' + 'ief', 'home/[a-z]+', 'Users/[a-z]+', 'root'].join('|')})/`,
  'i',
)

export const noMachinePlaces: Rule = {
  name: "no text names a place on somebody's machine",
  remedy: 'Name it from the root of the repository, or by a setting.',
  find: (tree) =>
    [...tree.texts].flatMap(([path, text]) => linesMatching(path, text, machinePlaces, (place) => place.trim())),
}

const uuid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i
const mayNameClinics = /^src\/([a-z]+\/)?demo(-[a-z]+)?\.ts$/

export const noClinicInCode: Rule = {
  name: 'no clinic is named by its id in the server, but in the demo seed',
  remedy: 'Route to it by number or agent, or configure the fallback organization.',
  find: (tree) =>
    [...tree.texts].flatMap(([path, text]): Finding[] =>
      path.startsWith('src/') && !mayNameClinics.test(path) ? linesMatching(path, text, uuid, (id) => id) : [],
    ),
}
