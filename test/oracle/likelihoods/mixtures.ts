/**
 * Mixtures of isotropic Gaussians in float64: z is K logits, K means of D numbers, K log-variances. There is no closed form: expectations
 * over y are the trapezoidal rule on a grid, which for Gaussians and a step of a fraction of their deviation is exact to rounding.
 */
import type { Label, Outcome } from "../likelihoods.ts"
import type { Vector } from "../linear.ts"

export interface OracleMixture {
  readonly support: (z: Vector) => ReadonlyArray<Outcome>
  readonly density: (z: Vector, y: Label) => number
  readonly logProbability: (z: Vector, y: Label) => number
  readonly score: (z: Vector, y: Label) => Float64Array
  readonly components: (z: Vector) => ReadonlyArray<Component>
}

interface Component {
  readonly weight: number
  readonly mean: ReadonlyArray<number>
  readonly deviation: number
}

const parameters = (z: Vector, K: number, D: number): ReadonlyArray<Component> => {
  const all = Array.from(z)
  const exps = all.slice(0, K).map((a) => Math.exp(a))
  const sum = exps.reduce((a, b) => a + b, 0)
  return exps.map((e, k) => ({
    weight: e / sum,
    mean: all.slice(K + k * D, K + (k + 1) * D),
    deviation: Math.sqrt(Math.exp(all[K + K * D + k]!))
  }))
}

/** The logarithm of weight times density of one component. */
const logTerm = ({ deviation, mean, weight }: Component, y: Label): number => {
  const distance = mean.reduce((sum, m, d) => sum + ((y[d]! - m) / deviation) ** 2, 0)
  return Math.log(weight) - distance / 2 - mean.length * (Math.log(deviation) + Math.log(2 * Math.PI) / 2)
}

const steps = (parts: ReadonlyArray<Component>, d: number, fineness: number): ReadonlyArray<number> => {
  const low = Math.min(...parts.map(({ deviation, mean }) => mean[d]! - 11 * deviation))
  const high = Math.max(...parts.map(({ deviation, mean }) => mean[d]! + 11 * deviation))
  const h = Math.min(...parts.map(({ deviation }) => deviation)) / fineness
  return Array.from({ length: Math.ceil((high - low) / h) + 1 }, (_, i) => low + i * h)
}

/** `fineness`: steps of the grid in the least deviation. */
export const mixture = (K: number, D: number, fineness: number): OracleMixture => {
  const components = (z: Vector) => parameters(z, K, D)
  const logProbability = (z: Vector, y: Label): number => {
    const logs = components(z).map((part) => logTerm(part, y))
    const most = Math.max(...logs)
    return most + Math.log(logs.map((l) => Math.exp(l - most)).reduce((a, b) => a + b, 0))
  }
  const density = (z: Vector, y: Label): number => Math.exp(logProbability(z, y))
  return {
    components,
    logProbability,
    density,
    support: (z) => {
      const parts = components(z)
      const h = Math.min(...parts.map(({ deviation }) => deviation)) / fineness
      let all: ReadonlyArray<ReadonlyArray<number>> = [[]]
      for (let d = 0; d < D; d++) all = all.flatMap((y) => steps(parts, d, fineness).map((v) => [...y, v]))
      return all
        .map((y) => ({ y, probability: density(z, y) * h ** D }))
        .filter(({ probability }) => probability > 1e-24)
    },
    // d log p = sum_k (w_k N_k / p) d log(w_k N_k), term by term.
    score: (z, y) => {
      const parts = components(z)
      const logP = logProbability(z, y)
      const shares = parts.map((part) => Math.exp(logTerm(part, y) - logP))
      const out = new Float64Array(K * (D + 2))
      parts.forEach(({ deviation, mean, weight }, k) => {
        out[k] = shares[k]! - weight
        let distance = 0
        for (let d = 0; d < D; d++) {
          const gap = y[d]! - mean[d]!
          out[K + k * D + d] = (shares[k]! * gap) / deviation ** 2
          distance += (gap / deviation) ** 2
        }
        out[K + K * D + k] = (shares[k]! * (distance - D)) / 2
      })
      return out
    }
  }
}
