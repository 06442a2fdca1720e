import type { Backend } from 'simdgrad'
import { JUDGED, TOTAL } from '../../shards.js'
import { headline, percent } from '../headline.js'
import { type Both, type Point, type Progress, SIDES } from '../protocol.js'
import type { Settings } from '../settings.js'
import { whole } from '../whole.js'
import { names } from './names.js'
import { byId } from './theme.js'

/** The line above everything: numbers, the badge, what has just happened, what went wrong. */
export class Status {
  readonly #trouble = byId('trouble')
  #diverged = ''
  #failed = false

  constructor(onRetry: () => void) {
    byId('retry').addEventListener('click', onRetry)
  }

  /** Says something, once, to everyone. */
  say(text: string): void {
    byId('status').textContent = text
  }

  trouble(text: string | undefined, mayRetry = false): void {
    this.#trouble.hidden = text === undefined
    const place = this.#trouble.querySelector('span')
    if (place) place.textContent = text ?? ''
    byId('retry').hidden = !mayRetry
  }

  /** Training can't go on; it may never have begun. */
  failed(message: string): void {
    this.#failed = true
    this.trouble(message)
    if (byId('badge').textContent === 'Starting…') byId('badge').textContent = 'simdgrad could not start'
  }

  /** Training has paused by itself; what has happened to the nets is still so. */
  paused(why: string): void {
    this.say([why, this.#diverged].filter(Boolean).join(' '))
  }

  /** Training goes on after all, perhaps with other settings. */
  plays(): void {
    if (this.#failed) this.trouble(undefined)
    this.#failed = false
  }

  backend({ simd, threads, reason, runtime }: Backend): void {
    const strong = document.createElement('strong')
    strong.textContent = `${browserOf(runtime)} · ${simd} SIMD · ${threads} ${threads === 1 ? 'thread' : 'threads'}`
    const why = document.createElement('span')
    why.textContent = reason
    byId('badge').replaceChildren(strong, why)
    byId('badge').title = runtime
  }

  data(train: number, test: number, failure: string | undefined): void {
    byId('digits').textContent = whole(train)
    const bar = byId<HTMLProgressElement>('loading')
    bar.value = train + test
    bar.hidden = train + test >= TOTAL.train + TOTAL.test
    // What stopped training is worse than what digits may do.
    if (this.#failed) return
    if (failure === undefined) this.trouble(undefined)
    else if (train === 0) this.trouble(`The digits could not be loaded (${failure}).`, true)
    else {
      const some = `Only ${whole(train)} of ${whole(TOTAL.train)} digits could be loaded (${failure})`
      this.trouble(`${some}. Training goes on with them.`, true)
    }
  }

  /** The numbers in the bar. They are the curves' own, in the mode of the settings. */
  progress(
    { step, epoch, digits, waiting, imagesPerSecond, diverged }: Progress,
    last: Point | undefined,
  ): void {
    byId('steps').textContent = whole(step)
    byId('epoch').textContent = `${epoch.toFixed(2)}${waiting ? ', waiting for digits' : ''}`
    byId('epoch').title = `An epoch has ${whole(digits)} digits.`
    const share = last && headline(last)
    for (const side of SIDES) {
      const output = byId(`accuracy-${side}`)
      output.textContent = share ? percent(share[side]) : '–'
      if (diverged[side] !== undefined) {
        const note = document.createElement('small')
        note.textContent = ' diverged'
        output.append(note)
      }
    }
    byId('sample').textContent =
      `right of ${whole(JUDGED)} test digits, ${MODES[last?.judged ?? 'eval']}, smoothed`
    byId('speed').textContent = speedOf(imagesPerSecond, names())
    const news = SIDES.filter((side) => diverged[side] !== undefined)
      .map(
        (side) =>
          `${side === 'norm' ? names().norm : 'The plain net'} diverged at step ${diverged[side]}: its loss is NaN, no number any more, and it trains no further. Reset starts anew.`,
      )
      .join(' ')
    if (news && news !== this.#diverged) this.say(news)
    this.#diverged = news
  }

  /** Both nets are new: what was said of the old ones goes. */
  built(news: string): void {
    this.#diverged = ''
    this.say(news)
    byId('recalibrated').textContent =
      'Averages them anew over training digits, with the weights as they are. Training pauses.'
  }
}

const MODES: Record<Settings['evaluation'], string> = {
  eval: 'evaluation mode',
  train: 'training mode',
  sorted: 'training mode, sorted',
}

/** Images a second, and how long an epoch of all digits takes at that rate. */
function speedOf(rate: Both<number>, called: Both<string>): string {
  if (rate.norm === 0) return ''
  const of = (name: string, images: number) =>
    `${name} ${whole(Math.round(images / 100) * 100)} images/s (an epoch of ${whole(TOTAL.train)} in ${(TOTAL.train / images).toFixed(1)} s)`
  const parts = [of(`${called.norm}:`, rate.norm)]
  if (rate.plain > 0) parts.push(of('plain:', rate.plain))
  return `${parts.join(', ')}.`
}

/** A browser's name and version from its user agent. */
function browserOf(agent: string): string {
  const known = /(Firefox|Edg|OPR|Chrome)\/(\d+)/.exec(agent)
  if (known) return `${{ Edg: 'Edge', OPR: 'Opera' }[known[1]] ?? known[1]} ${known[2]}`
  const safari = /Version\/(\d+).*Safari/.exec(agent)
  return safari ? `Safari ${safari[1]}` : 'This browser'
}
