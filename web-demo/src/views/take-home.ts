import { codeOf } from '../code.js'
import type { Side } from '../protocol.js'
import type { Settings } from '../settings.js'
import { byId } from './theme.js'

/** The code of a net, to copy, and its weights, to download. */
export class TakeHome {
  readonly #select = byId<HTMLSelectElement>('code-side')
  #settings: Settings | undefined

  constructor(
    onDownload: (side: Side) => void,
    readonly say: (text: string) => void,
  ) {
    // Long lines scroll, also by key.
    byId('code-box').tabIndex = 0
    this.#select.addEventListener('change', () => this.#settings && this.show(this.#settings))
    byId('download').addEventListener('click', () => onDownload(this.#side))
    byId('copy').addEventListener('click', () => this.#copy())
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
    this.say(`${link.download} is in your downloads.`)
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(byId('code').textContent ?? '')
      this.say('The code is in the clipboard.')
    } catch {
      // A page without https may not write to the clipboard.
      getSelection()?.selectAllChildren(byId('code'))
      this.say('The browser does not let the page copy. The code is selected: copy it yourself.')
    }
  }
}
