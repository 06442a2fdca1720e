// What one core can do in this runtime: multiply-adds in a loop that touches registers only, and copies.
//
// The first module is written as bytes, since a compiler would fold the loop away. As text, for two sums:
//   (func (export "f") (param $n i32) (result f32) (local $s0 v128) (local $s1 v128) (local $x v128) (local $y v128)
//     s0 := splat 0.1; s1 := splat 0.2; x := splat 0.999; y := splat 0.001
//     (loop  s0 := s0 * x + y;  s1 := s1 * x + y;  (br_if 0 (local.tee $n (i32.sub $n 1))))
//     (f32x4.extract_lane 0 (s0 + s1)))
// in strict SIMD with f32x4.mul and f32x4.add, in relaxed SIMD with f32x4.relaxed_madd. Each sum is a chain
// of its own, so that 8 or more of them hide an instruction's latency; with x and y they fit 16 registers.

const SUMS = [8, 9, 10, 12]
const ITERATIONS = 100_000

/** @param {number} value */
function leb128(value) {
  const bytes = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest]
    bytes.push((rest & 0x7f) | 0x80)
  }
}

/** @param {number} id @param {number[]} content */
const section = (id, content) => [id, ...leb128(content.length), ...content]
/** @param {number} opcode of the SIMD prefix 0xfd */
const simd = (opcode) => [0xfd, ...leb128(opcode)]
/** @param {number} value */
const splat = (value) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer), ...simd(0x13)]
const [MUL, ADD, RELAXED_MADD, EXTRACT_LANE] = [0xe6, 0xe4, 0x105, 0x1f].map(simd)
const [get, set, tee] = [0x20, 0x21, 0x22]

/** @param {number[]} parameters of `f` @param {number[]} results @param {number[]} body @param {number[]} imports */
const moduleOf = (parameters, results, body, imports) =>
  Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters.length, ...parameters, results.length, ...results]),
    ...(imports.length > 0 ? section(2, imports) : []),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, ...leb128(body.length), ...body]),
  )

/** @param {boolean} relaxed @param {number} sums */
function peakModule(relaxed, sums) {
  const all = Array.from({ length: sums }, (_, i) => i + 1)
  const [x, y] = [sums + 1, sums + 2]
  const body = [
    ...[1, ...leb128(sums + 2), 0x7b],
    ...all.flatMap((s) => [...splat(s / 10), set, s]),
    ...[...splat(0.999), set, x, ...splat(0.001), set, y],
    ...[0x03, 0x40],
    ...all.flatMap((s) =>
      relaxed
        ? [get, s, get, x, get, y, ...RELAXED_MADD, set, s]
        : [get, s, get, x, ...MUL, get, y, ...ADD, set, s],
    ),
    ...[get, 0, 0x41, 1, 0x6b, tee, 0, 0x0d, 0, 0x0b],
    ...[get, 1, ...all.slice(1).flatMap((s) => [get, s, ...ADD]), ...EXTRACT_LANE, 0, 0x0b],
  ]
  return moduleOf([0x7f], [0x7d], body, [])
}

/**
 * A copy of 64 bytes a turn, in the memory that it imports as "m" "m":
 *   (func (export "f") (param $from i32) (param $to i32) (param $end i32)
 *     (loop  (v128.store offset=0 $to (v128.load offset=0 $from)) … 16, 32, 48 …
 *       $from := $from + 64;  $to := $to + 64;  (br_if 0 (i32.lt_u $from $end))))
 */
function copyModule() {
  const body = [
    ...[0, 0x03, 0x40],
    ...[0, 16, 32, 48].flatMap((at) => [get, 1, get, 0, ...simd(0), 4, at, ...simd(0x0b), 4, at]),
    ...[get, 0, 0x41, ...[0xc0, 0], 0x6a, set, 0, get, 1, 0x41, ...[0xc0, 0], 0x6a, set, 1],
    ...[get, 0, get, 2, 0x49, 0x0d, 0, 0x0b, 0x0b],
  ]
  return moduleOf([0x7f, 0x7f, 0x7f], [], body, [1, 1, 0x6d, 1, 0x6d, 2, 0, 0])
}

/**
 * A copy inside wasm memory: the runtime's own memmove or a loop of vector loads and stores, whichever is faster.
 *
 * @param {WebAssembly.Memory} memory unshared
 * @param {{ from: number, to: number, size: number }} range addresses that are multiples of 16, and bytes
 * @returns {{ run: () => void, work: number }} `work`: bytes of a run, read and written
 */
export function copyPeak(memory, { from, to, size }) {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(copyModule()), { m: { m: memory } })
  const loop = /** @type {(from: number, to: number, end: number) => void} */ (instance.exports.f)
  const whole = size - (size % 64)
  const bytes = new Uint8Array(memory.buffer)
  return fastest([
    { run: () => void bytes.copyWithin(to, from, from + whole), work: 2 * whole },
    { run: () => loop(from, to, from + whole), work: 2 * whole },
  ])
}

/**
 * The loop, with the number of sums that is fastest here.
 *
 * @param {'strict' | 'relaxed'} build
 * @returns {{ run: () => void, work: number }} `work`: flop of a run
 */
export function multiplyAddPeak(build) {
  const candidates = SUMS.map((sums) => {
    const module = new WebAssembly.Module(peakModule(build === 'relaxed', sums))
    const f = /** @type {(n: number) => number} */ (new WebAssembly.Instance(module).exports.f)
    // A multiplication and an addition in each of 4 lanes.
    return { run: () => void f(ITERATIONS), work: ITERATIONS * sums * 8 }
  })
  return fastest(candidates)
}

/** @param {{ run: () => void, work: number }[]} candidates */
function fastest(candidates) {
  // The first calls let the compiler's better code arrive.
  for (const { run } of candidates) for (let i = 0; i < 20; i++) run()
  const rates = candidates.map((candidate) => Math.max(...[1, 2, 3].map(() => rate(candidate, 4))))
  return candidates[rates.indexOf(Math.max(...rates))]
}

/**
 * Work a second, over as many runs as take some milliseconds: browsers' clocks are coarse.
 *
 * @param {{ run: () => void, work: number }} measured
 * @param {number} milliseconds
 */
export function rate({ run, work }, milliseconds) {
  const start = performance.now()
  for (let runs = 1, until = 1; ; runs++) {
    run()
    // Looks at the clock after 1, 2, 4, 8 … runs: it costs as much as a small kernel.
    if (runs < until) continue
    const passed = performance.now() - start
    if (passed >= milliseconds) return (runs * work * 1000) / passed
    until = passed > 0 ? Math.min(2 * runs, Math.ceil((runs * milliseconds) / passed)) : 2 * runs
  }
}
