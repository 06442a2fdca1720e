const dark = matchMedia('(prefers-color-scheme: dark)')
/** Colours as they were read: each reading would have the browser work out the page's style first. */
const known = new Map<string, string>()
// The first listener: what is drawn anew on a change asks after it.
dark.addEventListener('change', () => known.clear())

/** A colour of the style sheet, for what is drawn on a canvas. */
export function colour(name: string): string {
  let value = known.get(name)
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
    if (value) known.set(name, value)
  }
  return value
}

/** The same as red, green and blue. */
export function rgb(name: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour(name).slice(at, at + 2), 16))
}

/** Calls back when light turns to dark or back. */
export function onThemeChange(redraw: () => void): void {
  dark.addEventListener('change', redraw)
}

/** A canvas's context, its size set for sharp lines at `width` × `height` CSS pixels. */
export function sharp(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(2, devicePixelRatio || 1)
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext('2d')
  if (!context) throw new Error('this browser has no 2D canvas')
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return context
}

/** The element of the page with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no element ${id}`)
  return element as T
}
