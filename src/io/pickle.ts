/** Pickles, read as data: which byte means what (https://docs.python.org/3/library/pickletools.html). */
import { Machine, type PickleOptions, type Step, type Unpickled } from './pickle-machine.js'

/** By the bytes that begin them. `null` of Python is null here; undefined is never on the stack. */
const STEPS: ReadonlyMap<number, Step> = new Map(
  Object.entries<Step>({
    '(': (m) => m.mark(),
    0: (m) => m.pop(),
    1: (m) => m.popMark(),
    2: (m) => m.duplicate(),
    F: (m) => m.push(m.float()),
    G: (m) => m.push(m.float64()),
    I: (m) => m.push(m.decimal()),
    J: (m) => m.push(m.int32()),
    K: (m) => m.push(m.uint8()),
    L: (m) => m.push(m.decimal()),
    M: (m) => m.push(m.uint16()),
    N: (m) => m.push(null),
    S: (m) => m.push(m.quoted()),
    T: (m) => m.push(m.text(m.uint32())),
    U: (m) => m.push(m.text(m.uint8())),
    V: (m) => m.push(m.line()),
    X: (m) => m.push(m.text(m.uint32())),
    B: (m) => m.push(m.data(m.uint32())),
    C: (m) => m.push(m.data(m.uint8())),
    Q: (m) => m.persistent(),
    R: (m) => m.reduce(),
    a: (m) => m.append(),
    b: (m) => m.build(),
    c: (m) => m.global(),
    d: (m) => m.dict(true),
    '}': (m) => m.dict(false),
    e: (m) => m.appends(),
    g: (m) => m.recall(Number(m.line())),
    h: (m) => m.recall(m.uint8()),
    j: (m) => m.recall(m.uint32()),
    l: (m) => m.markedList(),
    ']': (m) => m.list([]),
    p: (m) => m.remember(Number(m.line())),
    q: (m) => m.remember(m.uint8()),
    r: (m) => m.remember(m.uint32()),
    s: (m) => m.setItem(),
    t: (m) => m.markedList(),
    ')': (m) => m.list([]),
    u: (m) => m.setItems(),
    // Protocol 2 on.
    '\x80': (m) => void m.uint8(),
    '\x85': (m) => m.tuple(1),
    '\x86': (m) => m.tuple(2),
    '\x87': (m) => m.tuple(3),
    '\x88': (m) => m.push(true),
    '\x89': (m) => m.push(false),
    '\x8a': (m) => m.push(m.integer(m.uint8())),
    '\x8b': (m) => m.push(m.integer(m.uint32())),
    // Protocol 4 on.
    '\x8c': (m) => m.push(m.text(m.uint8())),
    '\x8d': (m) => m.push(m.text(m.uint64())),
    '\x8e': (m) => m.push(m.data(m.uint64())),
    '\x93': (m) => m.stackGlobal(),
    '\x94': (m) => m.memoize(),
    // Its length: of no use where all is in memory.
    '\x95': (m) => void m.uint64(),
  }).map(([text, step]) => [text.charCodeAt(0), step]),
)

/**
 * Reads the pickle that begins at `start`.
 *
 * @throws {DataError} for what is no pickle, is damaged, or names what is not known
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  where: string,
  options: PickleOptions,
): Unpickled {
  return new Machine(bytes, start, where, options).run(STEPS)
}
