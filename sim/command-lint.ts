// `sim lint`: looks for real patients in fixtures. Exits with 1 when it finds what looks like one.
import { listFixtures } from './fixture.ts'
import { lintFixtures } from './lint/files.ts'

export async function lintCommand(files: string[], { json }: { json?: boolean }): Promise<void> {
  const names = files.length > 0 ? files : await listFixtures()
  const faults = await lintFixtures(names)
  if (json) console.log(JSON.stringify({ fixtures: names.length, faults }))
  else {
    for (const fault of faults) console.log(fault)
    console.log(`${names.length} ${names.length === 1 ? 'fixture' : 'fixtures'}, ${faults.length} found`)
  }
  process.exitCode = faults.length === 0 ? 0 : 1
}
