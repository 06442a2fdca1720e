import { codeOf } from '../code.js'
import type { Side } from '../protocol.js'
import type { Settings } from '../settings.js'
import { byId } from './theme.js'
import { type WholeRunEvents, WholeRunView } from './whole-run.js'

export interface TakeHomeEvents extends Pick<WholeRunEvents, 'drawn' | 'begins'> {
  download(side: Side): void
  say(text: string): void
}

/** The code of a net, to copy or to run here, and its weights, to download. */
export class TakeHome {
  readonly #select = byId<HTMLSelectElement>('code-side')
  #settings: Settings | undefined

  constructor(readonly events: TakeHomeEvents) {
    new WholeRunView({ ...events, chosen: () => this.#chosen })
    // Long lines scroll, also by key.
    byId('code-box').tabIndex = 0
    this.#select.addEventListener('change', () => this.#settings && this.show(this.#settings))
    byId('download').addEventListener('click', () => events.download(this.#side))
    byId('copy').addEventListener('click', () => this.#copy())
  }

  /** The net whose code is shown. */
  get #chosen(): { settings: Settings; norm: boolean } | undefined {
    return this.#settings && { settings: this.#settings, norm: this.#side === 'norm' }
  }

  get #side(): Side {
    return this.#select.value === 'plain' ? 'plain' : 'norm'
  }

  show(settings: Settings): void {
    this.#settings = settings
    byId('code').textContent = codeOf(settings, this.#side === 'norm')
  }

  /** Hands the weights to the browser's downloads. */
  save(side: Side, bytes: Uint8Array<ArrayBuffer>): void {
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
    const link = document.createElement('a')
    link.href = url
    link.download = `${side === 'norm' ? 'batch-norm' : 'plain'}.safetensors`
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
    this.events.say(`${link.download} is in your downloads.`)
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(byId('code').textContent ?? '')
      this.events.say('The code is in the clipboard.')
    } catch {
      // A page without https may not write to the clipboard.
      getSelection()?.selectAllChildren(byId('code'))
      this.events.say('The browser does not let the page copy. The code is selected: copy it yourself.')
    }
  }
}
