import { CHANNELS, type Wants } from '../../protocol.js'
import type { View } from './figure.js'

/** Two lists: a layer and one of its channels. */
export class ChannelChoice {
  readonly box = document.createElement('p')
  readonly layer = document.createElement('select')
  readonly channel = document.createElement('select')

  constructor(onChange: (changed: Pick<Wants, 'layer' | 'channel'>) => void) {
    this.box.className = 'choice'
    for (const [words, select] of [
      ['Layer', this.layer],
      ['Channel', this.channel],
    ] as const) {
      const label = document.createElement('label')
      label.append(`${words} `, select)
      this.box.append(label)
      select.addEventListener('change', () => onChange(this.chosen))
    }
    for (let i = 0; i < CHANNELS; i++) this.channel.append(new Option(String(i + 1)))
  }

  get chosen(): Pick<Wants, 'layer' | 'channel'> {
    return { layer: Math.max(0, this.layer.selectedIndex), channel: this.channel.selectedIndex }
  }

  /** Takes the layers of the nets as they are now. */
  show({ layers }: View): void {
    if (this.layer.length === layers.length) return
    const kept = Math.min(Math.max(0, this.layer.selectedIndex), layers.length - 1)
    this.layer.replaceChildren(...layers.map((name, i) => new Option(`${i + 1}, after ${name}`)))
    this.layer.selectedIndex = kept
  }
}
