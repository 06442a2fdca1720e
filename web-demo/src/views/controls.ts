import { type Choice, CONTROLS, type Control, EVALUATION, type Key, type Settings } from '../settings.js'
import { byId } from './theme.js'

/** The initial weights' scale stands beside the curves that it changes. */
const BESIDE = 'scale'

type OnChange = (key: Key, value: string | number) => void

/** The settings' sliders and lists, and the switch of the evaluation mode. */
export class Controls {
  readonly #show: ((settings: Settings) => void)[] = []

  constructor(onChange: OnChange) {
    // On a phone the curves come first, and the settings open at a touch.
    byId<HTMLDetailsElement>('settings').open = !matchMedia('(max-width: 760px)').matches
    for (const control of CONTROLS) {
      const box = document.createElement('div')
      box.className = 'control'
      this.#show.push(
        control.kind === 'slider' ? slider(box, control, onChange) : list(box, control, onChange),
      )
      byId(control.key === BESIDE ? 'beside-curves' : 'controls').append(box)
    }
    this.#show.push(radios(byId('evaluation'), onChange))
  }

  show(settings: Settings): void {
    for (const show of this.#show) show(settings)
  }
}

function frame(box: HTMLElement, control: Control, input: HTMLElement): HTMLOutputElement {
  const id = `control-${control.key}`
  input.id = id
  input.setAttribute('aria-describedby', `${id}-help`)
  const label = document.createElement('label')
  label.htmlFor = id
  const output = document.createElement('output')
  output.setAttribute('aria-live', 'off')
  label.append(control.rebuilds ? `${control.label} ↺` : control.label, output)
  const help = document.createElement('p')
  help.id = `${id}-help`
  help.textContent = control.rebuilds ? `${control.help} Builds both nets anew.` : control.help
  box.append(label, input, help)
  return output
}

function slider(box: HTMLElement, control: Control, onChange: OnChange) {
  const { key, choices } = control
  const input = document.createElement('input')
  input.type = 'range'
  input.min = '0'
  input.max = String(choices.length - 1)
  const output = frame(box, control, input)
  const word = () => {
    const { text } = choices[Number(input.value)]
    output.textContent = text
    input.setAttribute('aria-valuetext', text)
  }
  input.addEventListener('input', () => {
    word()
    // Nets are built once, where the slider is let go.
    if (!control.rebuilds) onChange(key, choices[Number(input.value)].value)
  })
  input.addEventListener('change', () => onChange(key, choices[Number(input.value)].value))
  return (settings: Settings) => {
    input.value = String(choices.findIndex(({ value }) => value === settings[key]))
    word()
  }
}

function list(box: HTMLElement, control: Control, onChange: OnChange) {
  const { key, choices } = control
  const select = document.createElement('select')
  for (const { text } of choices) select.append(new Option(text))
  frame(box, control, select)
  select.addEventListener('change', () => onChange(key, choices[select.selectedIndex].value))
  return (settings: Settings) => {
    select.selectedIndex = choices.findIndex(({ value }) => value === settings[key])
  }
}

/** What to see in each evaluation mode. */
const LOOKS: Record<Settings['evaluation'], string> = {
  eval: 'Batch norm uses its running statistics: an answer depends on its own digit alone. This is how a net is meant to be judged.',
  train:
    'Batch norm uses the mean and variance of the test digits that are judged together. It looks harmless, but each answer now depends on the digits beside it; with tiny batches it shows.',
  sorted:
    'The same, with the test digits sorted: zeros beside zeros. Each batch looks alike, its mean is the digit itself and is taken away, and batch norm’s accuracy falls. The plain net does not care. The net has not changed: only how it is judged.',
}

function radios(fieldset: HTMLElement, onChange: OnChange) {
  const inputs = EVALUATION.choices.map(({ value, text }: Choice) => {
    const label = document.createElement('label')
    const input = document.createElement('input')
    input.type = 'radio'
    input.name = EVALUATION.key
    input.value = String(value)
    input.addEventListener('change', () => onChange(EVALUATION.key, value))
    label.append(input, text)
    fieldset.append(label)
    return input
  })
  return ({ evaluation }: Settings) => {
    for (const input of inputs) input.checked = input.value === evaluation
    byId('evaluation-look').textContent = LOOKS[evaluation]
  }
}
