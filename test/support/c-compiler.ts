import { execFileSync } from 'node:child_process'

/** The compiler of C that this machine has, if any. */
export const cc = ['cc', 'gcc', 'clang'].find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

/** Flags with which a warning is an error. */
export const C_FLAGS = ['-std=c99', '-Wall', '-Wextra', '-Werror']

/** A C array of values. */
export function arrayOf(name: string, values: Float32Array): string {
  const text = Array.from(values, (v) =>
    Number.isNaN(v)
      ? 'NAN'
      : Number.isFinite(v)
        ? `${v < 0 || Object.is(v, -0) ? '-' : ''}${Number.isInteger(v) ? `${Math.abs(v)}.0f` : `${Math.abs(v)}f`}`
        : `${v < 0 ? '-' : ''}INFINITY`,
  )
  return `static const float ${name}[] = {${text.join(',')}};`
}

/** What a program has printed with %.9g, one number a line. */
export const numbersOf = (text: string): number[] =>
  text
    .trim()
    .split('\n')
    .map((line) =>
      /nan/.test(line)
        ? Number.NaN
        : /inf/.test(line)
          ? line.startsWith('-')
            ? Number.NEGATIVE_INFINITY
            : Number.POSITIVE_INFINITY
          : Number(line),
    )
