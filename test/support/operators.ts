/** Operators with a known spectrum, with faults, and the probes and quantiles for estimates of them. */
import { Effect } from "effect"
import type { Operator } from "../../src/linalg/Operator.ts"
import { normal } from "../../src/random/Distributions.ts"
import { fold, type Key, make, uniform } from "../../src/random/Key.ts"

/** The operator of a diagonal matrix: synchronous, and as good as any for what depends on the spectrum alone. */
export const diagonalOperator = (entries: ArrayLike<number>): Operator => ({
  size: entries.length,
  apply: (vectors) => Effect.sync(() => vectors.map((v) => v.map((value, i) => value * entries[i]!)))
})

/** A symmetric matrix as an operator, synchronous, with every product mapped by `fault`. */
export const matrixOperator = (
  n: number,
  matrix: Float64Array,
  fault: (value: number) => number = (value) => value
): Operator => ({
  size: n,
  apply: (vectors) =>
    Effect.sync(() =>
      vectors.map((v) =>
        Float64Array.from({ length: n }, (_, i) => {
          let sum = 0
          for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * v[j]!
          return fault(sum)
        })
      )
    )
})

/** The same operator, and how many vectors each of its walks served. */
export const counted = <E, R>(operator: Operator<E, R>) => {
  const walks: Array<number> = []
  return {
    walks,
    operator: {
      size: operator.size,
      apply: (vectors: ReadonlyArray<Float64Array>) => {
        walks.push(vectors.length)
        return operator.apply(vectors)
      }
    }
  }
}

/** Standard normal numbers of a key. */
export const normalsOf =
  (key: Key) =>
  (probe: number, index: number): number =>
    normal(uniform(key, probe, index))

/** The n-th of independent families of normal numbers. */
export const normalsAt = (n: number) => normalsOf(fold(make(20260), n))

/** Eigenvalues of every kind that an estimator may meet. */
export const spectra: Readonly<Record<string, (n: number) => Float64Array>> = {
  flat: (n) => Float64Array.from({ length: n }, (_, i) => 1 + 0.3 * Math.sin(i)),
  half: (n) => Float64Array.from({ length: n }, (_, i) => (2 * i < n ? 1 : 0)),
  inverse: (n) => Float64Array.from({ length: n }, (_, i) => 1 / (i + 1)),
  inverseSquare: (n) => Float64Array.from({ length: n }, (_, i) => 1 / (i + 1) ** 2),
  slow: (n) => Float64Array.from({ length: n }, (_, i) => 0.9 ** i),
  fast: (n) => Float64Array.from({ length: n }, (_, i) => 0.6 ** i),
  lowRank: (n) => Float64Array.from({ length: n }, (_, i) => (i < 17 ? 1 + (i % 3) : 0)),
  lowRankNoise: (n) => Float64Array.from({ length: n }, (_, i) => (i < 3 ? 2 : 1e-2 * (1 + (i % 2))))
}

/**
 * The 97.5 % quantile of Student's distribution: the root of its distribution function, which is integrated by Simpson's
 * rule in the angle arctan(t / sqrt(degrees)).
 */
export const studentQuantile = (degrees: number): number => {
  if (degrees > 1e5) return 1.959963984540054
  const integral = (to: number): number => {
    const steps = 200
    let sum = 0
    for (let s = 0; s <= steps; s++) {
      const weight = s === 0 || s === steps ? 1 : s % 2 === 1 ? 4 : 2
      sum += weight * Math.cos((to * s) / steps) ** (degrees - 1)
    }
    return (sum * to) / (3 * steps)
  }
  const total = 2 * integral(Math.PI / 2)
  let [low, high] = [0, Math.PI / 2]
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2
    if (integral(middle) / total < 0.475) low = middle
    else high = middle
  }
  return Math.sqrt(degrees) * Math.tan((low + high) / 2)
}
