/**
 * The functions that a file consists of, in the part of C that JavaScript shares but for its declarations: `int`, `float`
 * and pointers. No division of whole numbers (JavaScript's is another), no arithmetic of pointers, no cast.
 */

/** A function. */
export interface Kernel {
  readonly parameters: string
  readonly body: string
  /** Those that it calls. */
  readonly needs?: readonly string[]
}

const LOOPS = [0, 1, 2, 3, 4, 5]

/** Six loops over `s`, which has the sizes from `at` on; within, `lines` run. */
export function loops(at: number, lines: string): string {
  const heads = LOOPS.map(
    (d) => `${'  '.repeat(d)}for (int d${d} = 0; d${d} < s[${at + d}]; d${d}++)${d === 5 ? ' {' : ''}`,
  )
  return `${heads.join('\n')}\n${lines.replace(/^/gm, '            ')}\n          }`
}

/** The place of an element whose strides `s` has from `first` on. */
export const at = (first: number) => LOOPS.map((d) => `d${d} * s[${first + d}]`).join(' + ')

/** A kernel with a weight, in float32 and in int8, where what a channel's weights give is multiplied by its scale. */
export function weighted(
  name: string,
  parameters: string,
  body: string,
  needs: readonly string[] = [],
): [string, Kernel][] {
  return [
    [
      name,
      { parameters, body: body.replace(/ *s = sSCALED\(o\);\n/g, '').replaceAll('SCALED(o)', ''), needs },
    ],
    [
      `${name}_int8`,
      {
        parameters: parameters.replace('const float *w', 'const int8_t *w, const float *scale'),
        body: body.replaceAll('SCALED(o)', ' * scale[o]'),
        needs,
      },
    ],
  ]
}
