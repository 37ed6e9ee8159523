/** Likelihoods of C independent numbers, each with a z of its own: Lambda is diagonal. */
import { InvalidLabel } from "../../Errors.ts"
import type { Likelihood, Many, ManyAt, OutputRows } from "../Likelihood.ts"
import { diagonalMatrix } from "./matrix.ts"

/** p(y|z) of one number y at one z. */
export interface One {
  readonly logProbability: (y: number) => number
  readonly score: (y: number) => number
  readonly sample: (uniform: () => number) => number
  /** The root of Lambda, so that it holds where Lambda over- or underflows. */
  readonly deviation: number
  readonly klDivergence: (other: number) => number
}

export interface Independent {
  readonly name: string
  /** For the error of a label that `holds` refuses: "A Poisson label is ...". */
  readonly remedy: string
  readonly holds: (y: number) => boolean
  /** How many different y one number has. */
  readonly support: number
  readonly at: (z: number) => One
}

const sum = (values: ArrayLike<number>): number => {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]!
  return total
}

/** The first of some numbers that something is true of. */
export const firstThat = (
  values: ArrayLike<number>,
  holds: (value: number) => boolean
): number | undefined => {
  for (let i = 0; i < values.length; i++) if (holds(values[i]!)) return values[i]
  return undefined
}

/** The same of a number y at its z, output c, as functions alone. */
export interface Each {
  readonly logProbability: (y: number, z: number, c: number) => number
  readonly score: (y: number, z: number, c: number) => number
  /** The y of one uniform number. */
  readonly draw: (u: number, z: number, c: number) => number
  readonly deviation: (z: number, c: number) => number
}

/** Many y of C numbers each. */
export const manyIndependent = (at: ManyAt["at"], each: Each): ManyAt => ({
  at,
  open: (outputs) => ({
    logProbabilities: (y) => logProbabilities(each, outputs, y),
    scores: (y, factors) => scores(each, outputs, y, factors),
    draws: (columns, uniforms) => draws(each, outputs, columns, uniforms),
    factors: () => factors(each, outputs)
  })
})

const logProbabilities = (each: Each, { examples, size, z }: OutputRows, y: ArrayLike<number>) => {
  const logs = new Float64Array(examples)
  for (let n = 0; n < examples; n++) {
    let total = 0
    for (let c = 0; c < size; c++) total += each.logProbability(y[n * size + c]!, z[n * size + c]!, c)
    logs[n] = total
  }
  return logs
}

const scores = (
  each: Each,
  { examples, size, z }: OutputRows,
  y: Float64Array,
  factors: Float64Array
): Float32Array => {
  const out = new Float32Array(factors.length * size)
  for (let row = 0; row < factors.length; row++) {
    const factor = factors[row]!
    if (factor === 0) continue
    const [from, to] = [(row % examples) * size, row * size]
    for (let c = 0; c < size; c++) out[to + c] = factor * each.score(y[to + c]!, z[from + c]!, c)
  }
  return out
}

const draws = (
  each: Each,
  { examples, size, z }: OutputRows,
  columns: number,
  uniforms: Parameters<NonNullable<Many["draws"]>>[1]
): Float64Array => {
  const y = new Float64Array(columns * examples * size)
  for (let n = 0; n < examples; n++) {
    const uniform = uniforms(n)
    for (let k = 0; k < columns; k++) {
      const to = (k * examples + n) * size
      for (let c = 0; c < size; c++) y[to + c] = each.draw(uniform(k, c), z[n * size + c]!, c)
    }
  }
  return y
}

/** A column for each output. */
const factors = (each: Each, { examples, size, z }: OutputRows): Float32Array => {
  const out = new Float32Array(size * examples * size)
  for (let n = 0; n < examples; n++) {
    for (let c = 0; c < size; c++) {
      out[(c * examples + n) * size + c] = each.deviation(z[n * size + c]!, c)
    }
  }
  return out
}

/** The likelihood of y that are C such numbers. */
export const independent = ({ at, holds, name, remedy, support }: Independent): Likelihood => ({
  name,
  labelSize: (outputs) => outputs,
  support: (outputs) => support ** outputs,
  columns: (outputs) => outputs,
  misfit: () => undefined,
  invalid: (y, _, example) => {
    const wrong = firstThat(y, (value) => !holds(value))
    return wrong === undefined
      ? undefined
      : new InvalidLabel({
          likelihood: name,
          example,
          value: String(wrong),
          message: `A label of example ${example} is ${wrong}. ${remedy}`
        })
  },
  at: (z) => {
    const each = Array.from(z, at)
    const deviations = Float64Array.from(each, ({ deviation }) => deviation)
    return {
      logProbability: (y) => sum(each.map((one, c) => one.logProbability(y[c]!))),
      score: (y) => Float64Array.from(each, (one, c) => one.score(y[c]!)),
      sample: (uniform) => Float64Array.from(each, (one) => one.sample(uniform)),
      fisher: () => diagonalMatrix(deviations.map((d) => d * d)),
      factor: () => diagonalMatrix(deviations),
      klDivergence: (other) => sum(each.map((one, c) => one.klDivergence(other[c]!)))
    }
  }
})
