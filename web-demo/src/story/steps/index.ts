import type { Step } from '../step.js'
import { formula } from './formula.js'
import { freedom } from './freedom.js'
import { home } from './home.js'
import { modes } from './modes.js'
import { signal } from './signal.js'
import { speed } from './speed.js'
import { traps } from './traps.js'

/** The story, in its order. */
export const STEPS: readonly Step[] = [signal, formula, freedom, speed, modes, traps, home]
