// The tests in test/browser look at pages and e-mails in a real Chromium. Where it is missing, a root user of a Debian
// gets it installed, as on a build machine; anybody else is told what to install.

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const attemptsMax = 3

export async function installChromium(): Promise<void> {
  if (names.some((name) => Bun.which(name) !== null)) return
  if (process.getuid?.() !== 0 || Bun.which('apt-get') === null) {
    console.log('Chromium is missing, and the tests in test/browser need it: install it (`sudo apt install chromium`).')
    return
  }
  console.log('Chromium is missing: installing it with apt-get, once …')
  const startedMs = performance.now()
  const installed = apt('update') && apt('install', '-y', '--no-install-recommends', 'chromium')
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  console.log(
    installed ? `Chromium installed in ${seconds} s.` : 'Cannot install Chromium: the tests in test/browser will fail.',
  )
}

/** Waits for another apt-get to finish, and tries again when a mirror stumbles. */
function apt(...words: string[]): boolean {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const run = Bun.spawnSync(['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=120', ...words], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (run.success) return true
    if (attempt === attemptsMax) console.log(run.stderr.toString().trim())
  }
  return false
}
