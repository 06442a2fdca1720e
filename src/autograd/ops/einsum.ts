/**
 * Einstein's summation: products of tensors whose dimensions have names, summed over those that the result lacks.
 * Two operands are permuted to [batch, own, summed] and [batch, summed, own], and multiplied as matrices.
 */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { mul } from './arithmetic.js'
import { indexSelect } from './indexing.js'
import { matmul } from './matmul.js'
import { permute, reshape } from './rearrange.js'
import { sum } from './reduce.js'

/** The name of a dimension: a letter, or `.0`, `.1`, … for those that '...' stands for, from the last on. */
type Label = string

/** A tensor, and the names of its dimensions, each once. */
interface Named {
  x: Tensor
  labels: readonly Label[]
}

/** The names in a term such as `b...ij`, where '...' stands for `dots` dimensions. */
function labelsOf(term: string, dots: number): Label[] {
  const parts = term.match(/\.\.\.|[A-Za-z]/g) ?? []
  if (parts.join('') !== term || parts.filter((part) => part === '...').length > 1) {
    throw new ArgumentError(`einsum: '${term}' is made of letters, and of '...' at most once`)
  }
  const ellipsis = Array.from({ length: dots }, (_, i) => `.${dots - 1 - i}`)
  return parts.flatMap((part) => (part === '...' ? ellipsis : [part]))
}

/** The dimensions that '...' stands for in a term. */
function dotsOf(term: string, x: Tensor): number {
  const letters = term.replace('...', '').length
  const dots = x.shape.length - letters
  if (term.includes('...') ? dots >= 0 : dots === 0) return dots
  throw new ShapeError(`einsum: '${term}' names ${letters} dimensions, but its operand is [${x.shape}]`)
}

/** The result's names where the equation has no arrow: those that are there once, in their order. */
function implied(terms: readonly (readonly Label[])[]): Label[] {
  const all = terms.flat()
  const dots = [...new Set(all.filter((label) => label.startsWith('.')))]
  const once = all.filter((label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label))
  return [...dots.sort((a, b) => Number(b.slice(1)) - Number(a.slice(1))), ...once.sort()]
}

/** The dimensions in the order of `labels`, which are all that it has. */
function arranged({ x, labels }: Named, order: readonly Label[]): Tensor {
  return order.every((label, i) => label === labels[i])
    ? x
    : permute(
        x,
        order.map((label) => labels.indexOf(label)),
      )
}

/** Names that are there twice become one: the diagonal. */
function diagonal({ x, labels }: Named): Named {
  const twice = labels.find((label, i) => labels.indexOf(label) !== i)
  if (twice === undefined) return { x, labels }
  const [first, second] = [labels.indexOf(twice), labels.indexOf(twice, labels.indexOf(twice) + 1)]
  const [n, other] = [x.shape[first], x.shape[second]]
  if (n !== other) throw new ShapeError(`einsum: '${twice}' is ${n} and ${other} of one operand [${x.shape}]`)
  const rest = labels.map((_, d) => d).filter((d) => d !== first && d !== second)
  const shape = rest.map((d) => x.shape[d])
  const flat = reshape(permute(x, [...rest, first, second]), [...shape, n * n])
  const picked = indexSelect(
    flat,
    rest.length,
    Float32Array.from({ length: n }, (_, i) => i * (n + 1)),
  )
  return diagonal({ x: picked, labels: [...rest.map((d) => labels[d]), twice] })
}

/** Without the dimensions of size 1 that another operand has larger. */
function narrowed({ x, labels }: Named, sizes: ReadonlyMap<Label, number>): Named {
  const kept = labels.map((_, d) => d).filter((d) => x.shape[d] !== 1 || sizes.get(labels[d]) === 1)
  if (kept.length === labels.length) return { x, labels }
  const shape = kept.map((d) => x.shape[d])
  return { x: reshape(x, shape), labels: kept.map((d) => labels[d]) }
}

/** Summed over what nobody else needs. */
function summed({ x, labels }: Named, needed: ReadonlySet<Label>): Named {
  const dim = labels.map((_, d) => d).filter((d) => !needed.has(labels[d]))
  if (dim.length === 0) return { x, labels }
  return { x: sum(x, { dim }), labels: labels.filter((label) => needed.has(label)) }
}

/** The product of two, summed over the names of both that are not needed afterwards. */
function product(a: Named, b: Named, needed: ReadonlySet<Label>, sizes: ReadonlyMap<Label, number>): Named {
  const inBoth = new Set(a.labels.filter((label) => b.labels.includes(label)))
  const batch = [...inBoth].filter((label) => needed.has(label))
  const over = [...inBoth].filter((label) => !needed.has(label))
  const [left, right] = [a, b].map(({ labels }) => labels.filter((label) => !inBoth.has(label)))
  const size = (labels: readonly Label[]) => labels.map((label) => sizes.get(label) ?? 1)
  const labels = [...batch, ...left, ...right]
  if (over.length === 0) {
    const first = reshape(arranged(a, [...batch, ...left]), [
      ...size([...batch, ...left]),
      ...right.map(() => 1),
    ])
    const second = reshape(arranged(b, [...batch, ...right]), [
      ...size(batch),
      ...left.map(() => 1),
      ...size(right),
    ])
    return { x: mul(first, second), labels }
  }
  const [n, m, k, l] = [batch, left, over, right].map((some) => sizeOf(size(some)))
  const many = batch.length > 0 ? [n] : []
  const first = reshape(arranged(a, [...batch, ...left, ...over]), [...many, m, k])
  const second = reshape(arranged(b, [...batch, ...over, ...right]), [...many, k, l])
  return { x: reshape(matmul(first, second), size(labels)), labels }
}

/** The size of each name: equal in all operands, or 1. @throws {ShapeError} */
function sizesOf(operands: readonly Named[]): Map<Label, number> {
  const sizes = new Map<Label, number>()
  for (const { x, labels } of operands) {
    for (const [d, label] of labels.entries()) {
      const [known, size] = [sizes.get(label) ?? 1, x.shape[d]]
      if (known !== 1 && size !== 1 && known !== size) {
        const name = label.startsWith('.') ? "a dimension of '...'" : `'${label}'`
        throw new ShapeError(
          `einsum: ${name} is ${known} of one operand and ${size} of another, [${x.shape}]`,
        )
      }
      sizes.set(label, known === 1 ? size : known)
    }
  }
  return sizes
}

/**
 * Products of tensors, summed over the dimensions that the result does not name: `einsum('ij,jk->ik', a, b)` is the
 * matrix product, `'ii->i'` the diagonal, `'bhid,bhjd->bhij'` attention's scores. Several operands are multiplied one
 * after the other. https://pytorch.org/docs/stable/generated/torch.einsum.html
 *
 * @param equation a letter for each dimension of each operand, commas between; '...' for any more, which broadcast;
 *   after '->' the result's. Without '->' the result has the letters that are there once, in alphabetical order
 * @param operands as many tensors as the equation has terms
 * @throws {ArgumentError} for an equation that is none, or that names another number of operands
 * @throws {ShapeError} where a letter has two sizes, or a term does not fit its operand
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== 'string') {
    throw new ArgumentError(`einsum: the equation is a text such as 'ij,jk->ik', got ${kindOf(equation)}`)
  }
  for (const [i, x] of operands.entries()) checkTensor('einsum', `operand ${i}`, x)
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  const terms = left.split(',')
  if (more.length > 0 || operands.length === 0 || terms.length !== operands.length) {
    throw new ArgumentError(
      `einsum: '${equation}' has ${terms.length} terms, and there are ${operands.length} operands`,
    )
  }
  const dots = operands.map((x, i) => dotsOf(terms[i], x))
  const given = operands.map((x, i) => ({ x, labels: labelsOf(terms[i], dots[i]) }))
  const sizes = sizesOf(given)
  const known = given.map(({ labels }) => labels)
  const result = right === undefined ? implied(known) : labelsOf(right, Math.max(...dots))
  const wrong = result.find((label, i) => !sizes.has(label) || result.indexOf(label) !== i)
  if (wrong !== undefined) {
    throw new ArgumentError(
      `einsum: '${wrong.startsWith('.') ? '...' : wrong}' of the result '${right}' is in no term, or there twice`,
    )
  }
  return scoped(() => {
    const own = given.map((each) => narrowed(diagonal(each), sizes))
    const neededAfter = (i: number) =>
      new Set([...result, ...own.slice(i + 1).flatMap(({ labels }) => labels)])
    const [first, ...others] = own
    let all = summed(first, neededAfter(0))
    for (const [i, other] of others.entries()) {
      const needed = neededAfter(i + 1)
      const alone = summed(other, new Set([...needed, ...all.labels]))
      all = product(summed(all, new Set([...needed, ...alone.labels])), alone, needed, sizes)
    }
    // A view at least: what is given back is no operand.
    return reshape(
      arranged(all, result),
      result.map((label) => sizes.get(label) ?? 1),
    )
  })
}
