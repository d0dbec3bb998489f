// What runs in the page itself: plays the sound, moves the cursor with it, and seeks, zooms and explains when asked. One
// function that stands alone, because the page takes its text. It reads the page's attributes and writes no markup.
export function followCall(): void {
  const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8]
  const find = <T extends Element>(selector: string) => document.querySelector<T>(selector)
  const sheet = find<HTMLElement>('.sheet')
  const scroller = find<HTMLElement>('.scroll')
  const overview = find<HTMLElement>('.overview')
  const controls = find<HTMLElement>('.controls')
  const clock = find<HTMLElement>('.clock')
  const tip = find<HTMLElement>('.tip')
  const playButton = find<HTMLButtonElement>('.play')
  const track = find<HTMLElement>('.ruler .track')
  if (!sheet || !scroller || !overview || !controls || !clock || !tip || !playButton || !track) return
  const audio = find<HTMLAudioElement>('audio')
  const axisLength = Number(sheet.dataset.length)
  const callLength = Number(sheet.dataset.call)
  const offset = Number(audio?.dataset.offset ?? 0)
  const spans = [...document.querySelectorAll<HTMLElement>('[data-from]')]
  const places = [...sheet.querySelectorAll<HTMLElement>('[data-at]')].map((one) => Number(one.dataset.at))
  const events = places.sort((a, b) => a - b)
  let now = 0
  let zoom = 0

  const pixelsPerSecond = () => track.clientWidth / axisLength
  const leftOfTrack = () => track.getBoundingClientRect().left - sheet.getBoundingClientRect().left

  function show(seconds: number): void {
    now = Math.min(callLength, Math.max(0, seconds))
    for (const each of [sheet, overview]) each?.style.setProperty('--t', String(now))
    if (clock) clock.textContent = `${now.toFixed(1)} s`
    overview?.setAttribute('aria-valuenow', now.toFixed(1))
    overview?.setAttribute('aria-valuetext', `${now.toFixed(1)} seconds`)
    for (const span of spans) {
      const isNow = now >= Number(span.dataset.from) && now < Number(span.dataset.to)
      span.classList.toggle('now', isNow && now > 0)
    }
  }

  /** Moves the timeline along when the cursor leaves what is to be seen of it. */
  function follow(): void {
    if (!scroller) return
    const left = leftOfTrack()
    const cursor = left + now * pixelsPerSecond() - scroller.scrollLeft
    if (cursor < left || cursor > scroller.clientWidth * 0.9)
      scroller.scrollLeft = now * pixelsPerSecond() - scroller.clientWidth * 0.15
  }

  function seek(seconds: number): void {
    show(seconds)
    follow()
    if (audio) audio.currentTime = Math.min(audio.duration || 0, Math.max(0, now - offset))
  }

  function tick(): void {
    if (!audio || audio.paused) return
    show(audio.currentTime + offset)
    follow()
    requestAnimationFrame(tick)
  }

  function toggle(): void {
    if (!audio) return
    if (!audio.paused) {
      audio.pause()
      return
    }
    if (audio.ended || now >= callLength) seek(0)
    audio.play().catch(() => {})
  }

  function setZoom(next: number): void {
    const factor = ZOOMS[next]
    if (factor === undefined || !sheet || !scroller) return
    const middle = (scroller.scrollLeft + scroller.clientWidth / 2) / sheet.clientWidth
    zoom = next
    sheet.style.setProperty('--zoom', String(factor))
    scroller.scrollLeft = middle * sheet.clientWidth - scroller.clientWidth / 2
    showWindow()
  }

  /** In the overview: which part of the timeline is to be seen. */
  function showWindow(): void {
    if (!scroller || !overview || !sheet) return
    const visible = scroller.clientWidth - leftOfTrack()
    overview.style.setProperty('--from', String(scroller.scrollLeft / pixelsPerSecond()))
    overview.style.setProperty('--span', String(Math.min(axisLength, visible / pixelsPerSecond())))
  }

  function explain(target: EventTarget | null): void {
    if (!tip) return
    const told = target instanceof Element ? target.closest<HTMLElement>('[data-tip]') : null
    tip.hidden = told === null
    if (told === null) return
    tip.textContent = told.dataset.tip ?? ''
    const box = told.getBoundingClientRect()
    const isHigh = box.bottom + tip.offsetHeight + 12 < window.innerHeight
    tip.style.top = `${isHigh ? box.bottom + 8 : Math.max(4, box.top - tip.offsetHeight - 8)}px`
    tip.style.left = `${Math.max(8, Math.min(Math.max(box.left, 8), window.innerWidth - tip.offsetWidth - 8))}px`
  }

  const atOverview = (event: PointerEvent) => {
    const box = overview.getBoundingClientRect()
    return ((event.clientX - box.left) / box.width) * axisLength
  }

  const keys = new Map<string, (event: KeyboardEvent) => void>([
    [' ', toggle],
    ['ArrowLeft', ({ shiftKey }) => seek(now - (shiftKey ? 5 : 1))],
    ['ArrowRight', ({ shiftKey }) => seek(now + (shiftKey ? 5 : 1))],
    ['Home', () => seek(0)],
    ['End', () => seek(callLength)],
    ['n', () => seek(events.find((at) => at > now + 0.001) ?? callLength)],
    ['p', () => seek(events.findLast((at) => at < now - 0.001) ?? 0)],
    ['+', () => setZoom(zoom + 1)],
    ['=', () => setZoom(zoom + 1)],
    ['-', () => setZoom(zoom - 1)],
    ['Escape', () => explain(null)],
  ])

  document.addEventListener('keydown', (event) => {
    const act = keys.get(event.key)
    const isForButton =
      event.target instanceof HTMLElement && event.target.matches('button, summary') && event.key === ' '
    if (act === undefined || isForButton || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act(event)
  })
  document.addEventListener('click', ({ target }) => {
    const place = target instanceof Element ? target.closest<HTMLElement>('[data-at]') : null
    if (place !== null) seek(Number(place.dataset.at))
  })
  sheet.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('[data-at]')) return
    const seconds = (event.clientX - track.getBoundingClientRect().left) / pixelsPerSecond()
    if (seconds >= 0) seek(seconds)
  })
  overview.addEventListener('pointerdown', (event) => {
    overview.setPointerCapture(event.pointerId)
    seek(atOverview(event))
  })
  overview.addEventListener('pointermove', (event) => {
    if (overview.hasPointerCapture(event.pointerId)) seek(atOverview(event))
  })
  controls.addEventListener('click', ({ target }) => {
    const way = target instanceof HTMLElement ? target.dataset.zoom : undefined
    if (way !== undefined) setZoom(zoom + (way === 'in' ? 1 : -1))
  })
  playButton.addEventListener('click', toggle)
  document.addEventListener('pointerover', ({ target }) => explain(target))
  document.addEventListener('focusin', ({ target }) => explain(target))
  scroller.addEventListener('scroll', () => {
    explain(null)
    showWindow()
  })
  window.addEventListener('resize', showWindow)

  const showState = () => {
    const isPlaying = audio !== null && !audio.paused
    playButton.textContent = isPlaying ? '❚❚' : '▶'
    playButton.setAttribute('aria-label', isPlaying ? 'Pause' : 'Play')
    if (isPlaying) tick()
    else if (audio) show(audio.currentTime + offset)
  }
  for (const change of ['play', 'pause', 'ended']) audio?.addEventListener(change, showState)
  audio?.removeAttribute('controls')
  controls.hidden = false
  show(0)
  showWindow()
}
