/** The table of a summary, in torchinfo's words and columns. */

/** As much of a row as is printed. */
interface Row {
  type: string
  depth: number
  index: number
  leaf: boolean
  recursive: boolean
  outputShapes: readonly (readonly number[])[]
  parameters: number
  multAdds: number
}

/** As much of a summary as is printed. */
interface Printed {
  rows: readonly Row[]
  totals: {
    parameters: number
    trainableParameters: number
    nonTrainableParameters: number
    multAdds: number
    inputBytes: number
    forwardBackwardBytes: number
    parameterBytes: number
    totalBytes: number
  }
}

const HEAD = ['Layer (type:depth-idx)', 'Output Shape', 'Param #', 'Mult-Adds']

/** `12,345`, in every locale. */
function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2)
}

/** A number of multiply-adds in the unit in which it is short; no unit is smaller than millions. */
function multAdds(value: number): string {
  const [unit, size] = value >= 1e12 ? ['T', 1e12] : value >= 1e9 ? ['G', 1e9] : ['M', 1e6]
  return `Total mult-adds (${unit}): ${(value / size).toFixed(2)}`
}

function layerText({ type, depth, index }: Row): string {
  if (depth === 0) return type
  return `${depth === 1 ? '├─' : `${'│    '.repeat(depth - 1)}└─`}${type}: ${depth}-${index}`
}

/** The table. */
export function tableOf({ rows, totals }: Printed): string {
  const lines = rows.map((row) => {
    const { outputShapes, parameters, recursive } = row
    const shapes = outputShapes.map((shape) => `[${shape.join(', ')}]`).join(', ')
    const own = parameters === 0 ? '--' : count(parameters)
    return [
      layerText(row),
      shapes === '' ? '--' : shapes,
      recursive ? '(recursive)' : own,
      recursive || row.multAdds === 0 ? '--' : count(row.multAdds),
    ]
  })
  const widths = HEAD.map((_, i) => Math.max(...[HEAD, ...lines].map((line) => line[i].length)) + 4)
  const printed = (line: readonly string[]) =>
    line
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('')
      .trimEnd()
  const rule = '='.repeat(Math.max(60, widths.reduce((a, b) => a + b, 0) - 4))
  return [
    rule,
    printed(HEAD),
    rule,
    ...lines.map(printed),
    rule,
    `Total params: ${count(totals.parameters)}`,
    `Trainable params: ${count(totals.trainableParameters)}`,
    `Non-trainable params: ${count(totals.nonTrainableParameters)}`,
    multAdds(totals.multAdds),
    rule,
    `Input size (MB): ${megabytes(totals.inputBytes)}`,
    `Forward/backward pass size (MB): ${megabytes(totals.forwardBackwardBytes)}`,
    `Params size (MB): ${megabytes(totals.parameterBytes)}`,
    `Estimated Total Size (MB): ${megabytes(totals.totalBytes)}`,
    rule,
  ].join('\n')
}
