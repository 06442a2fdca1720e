import type { FigureName } from '../step.js'
import type { Asks, Figure } from './figure.js'
import { FormulaFigure } from './formula.js'
import { FreedomFigure } from './freedom.js'
import { ModesFigure } from './modes.js'
import { RaceFigure } from './race.js'
import { SignalFigure } from './signal.js'
import { SlopeFigure } from './slope.js'
import { TrapsFigure } from './traps.js'

const FIGURES: Record<FigureName, new (asks: Asks) => Figure> = {
  signal: SignalFigure,
  formula: FormulaFigure,
  freedom: FreedomFigure,
  slope: SlopeFigure,
  modes: ModesFigure,
  traps: TrapsFigure,
  race: RaceFigure,
}

export const makeFigure = (name: FigureName, asks: Asks): Figure => new FIGURES[name](asks)
