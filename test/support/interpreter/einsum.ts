/** The twin of einsum. */
import { get, offset, placesOf } from './indexing.js'
import { need, type Shape, sizeOf, type Value, value } from './value.js'

/** The names of a term's dimensions; those of '...' are numbers, counted from the last one. */
function namesOf(term: string, dots: number): string[] {
  const ellipsis = Array.from({ length: dots }, (_, k) => String(dots - 1 - k))
  return (term.match(/\.\.\.|[A-Za-z]/g) ?? []).flatMap((part) => (part === '...' ? ellipsis : [part]))
}

/** The sum over all values of all names, of the products. */
export function einsum(equation: string, ...operands: Value[]): Value {
  const [left, right] = equation.replaceAll(' ', '').split('->')
  const given = left.split(',')
  const dots = operands.map(({ shape }, i) => shape.length - given[i].replace('...', '').length)
  const terms = given.map((term, i) => namesOf(term, dots[i]))
  need(
    operands.every(({ shape }, i) => shape.length === terms[i].length),
    'other dimensions',
  )
  const all = terms.flat()
  const names = [...new Set(all)]
  const sizes = names.map((name) => {
    const own = operands.flatMap(({ shape }, i) => shape.filter((_, d) => terms[i][d] === name))
    const larger = [...new Set(own)].filter((size) => size !== 1)
    need(larger.length < 2, `'${name}' has two sizes`)
    return larger[0] ?? 1
  })
  const once = names.filter((name) => all.indexOf(name) === all.lastIndexOf(name) && /[A-Za-z]/.test(name))
  const most = Math.max(...dots)
  const result = right === undefined ? [...namesOf('...', most), ...once.sort()] : namesOf(right, most)
  const y = value(result.map((name) => sizes[names.indexOf(name)]))
  need(sizeOf(sizes) <= 20_000, 'a long sum')
  for (const place of placesOf(sizes)) {
    // What has size 1 is repeated.
    const at = (term: readonly string[], shape: Shape) =>
      term.map((name, d) => (shape[d] === 1 ? 0 : place[names.indexOf(name)]))
    const product = operands.reduce((so, x, i) => so * get(x, at(terms[i], x.shape)), 1)
    y.data[offset(y.shape, at(result, y.shape))] += product
  }
  return y
}
