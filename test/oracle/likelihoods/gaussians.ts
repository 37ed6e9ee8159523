/** Gaussians of a fixed covariance matrix, and of variances that are outputs. */
import { make, type OracleLikelihood } from "../likelihoods.ts"
import { type Matrix, type Rows, tabulate, type Vector } from "../linear.ts"
import { gaussHermite, product } from "../quadrature.ts"

/** The inverse by Gauss and Jordan's elimination, with the determinant. */
const invert = (matrix: Matrix): { readonly inverse: Rows; readonly determinant: number } => {
  const n = matrix.length
  const rows = Array.from({ length: n }, (_, i) => [
    ...Array.from(matrix[i]!),
    ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))
  ])
  let determinant = 1
  for (let k = 0; k < n; k++) {
    const pivot = rows[k]![k]!
    determinant *= pivot
    rows[k] = rows[k]!.map((v) => v / pivot)
    for (let i = 0; i < n; i++) {
      if (i === k) continue
      const times = rows[i]![k]!
      rows[i] = rows[i]!.map((v, j) => v - times * rows[k]![j]!)
    }
  }
  return { inverse: rows.map((row) => Float64Array.from(row.slice(n))), determinant }
}

const apply = (matrix: Matrix, v: Vector): ReadonlyArray<number> =>
  Array.from(matrix, (row) => Array.from(row).reduce((sum, m, j) => sum + m * v[j]!, 0))

export interface Correlated extends OracleLikelihood {
  /** Independent standard normals made of y - z. */
  readonly whiten: (z: Vector, y: ArrayLike<number>) => ReadonlyArray<number>
}

/** Mean z, Sigma = root root^T for a lower triangle: the root is given, so that no factorisation is trusted. */
export const correlated = (root: Matrix): Correlated => {
  const n = root.length
  const sigma = tabulate(n, n, (i, j) =>
    Array.from(root[i]!).reduce((sum, v, k) => sum + v * root[j]![k]!, 0)
  )
  const { determinant, inverse } = invert(sigma)
  const rootInverse = invert(root).inverse
  const nodes = gaussHermite(3)
  const off = (z: Vector, y: ArrayLike<number>): Float64Array => Float64Array.from(z, (v, c) => y[c]! - v)
  const square = (v: Float64Array): number => apply(inverse, v).reduce((sum, t, c) => sum + t * v[c]!, 0)
  const own = make({
    name: "correlated",
    labelSize: (outputs) => outputs,
    support: (z) =>
      product(Array.from({ length: n }, () => nodes)).map(({ probability, y }) => {
        const noise = apply(root, Float64Array.from(y))
        return { probability, y: noise.map((v, c) => v + z[c]!) }
      }),
    logProbability: (z, y) =>
      -0.5 * square(off(z, y)) - 0.5 * Math.log(determinant) - (n / 2) * Math.log(2 * Math.PI),
    score: (z, y) => Float64Array.from(apply(inverse, off(z, y))),
    hessian: () => inverse,
    closedFormFisher: () => inverse,
    kl: (z, other) => 0.5 * square(off(z, other))
  })
  return { ...own, whiten: (z, y) => apply(rootInverse, off(z, y)) }
}

/** z = (means, logarithms of variances). Degree 4 in y: three nodes are exact. */
export const heteroscedastic: OracleLikelihood = make({
  name: "heteroscedastic",
  labelSize: (outputs) => outputs / 2,
  support: (z) => {
    const size = z.length / 2
    return product(
      Array.from({ length: size }, (_, c) =>
        gaussHermite(3).map(({ value, weight }) => ({
          value: z[c]! + Math.exp(z[size + c]! / 2) * value,
          weight
        }))
      )
    )
  },
  logProbability: (z, y) =>
    Array.from(y).reduce((sum, v, c) => {
      const s = z[z.length / 2 + c]!
      return sum - ((v - z[c]!) ** 2 * Math.exp(-s)) / 2 - s / 2 - Math.log(2 * Math.PI) / 2
    }, 0),
  score: (z, y) => {
    const size = z.length / 2
    return Float64Array.from(z, (_, i) => {
      const c = i % size
      const [off, precision] = [y[c]! - z[c]!, Math.exp(-z[size + c]!)]
      return i < size ? off * precision : (off * off * precision - 1) / 2
    })
  },
  hessian: (z, y) => {
    const size = z.length / 2
    return tabulate(z.length, z.length, (i, j) => {
      const c = i % size
      if (c !== j % size) return 0
      const [off, precision] = [y[c]! - z[c]!, Math.exp(-z[size + c]!)]
      if (i < size && j < size) return precision
      return i >= size && j >= size ? (off * off * precision) / 2 : off * precision
    })
  },
  closedFormFisher: (z) =>
    tabulate(z.length, z.length, (i, j) =>
      i !== j ? 0 : i < z.length / 2 ? Math.exp(-z[z.length / 2 + i]!) : 0.5
    ),
  kl: (z, other) => {
    const size = z.length / 2
    let sum = 0
    for (let c = 0; c < size; c++) {
      const [s, t] = [z[size + c]!, other[size + c]!]
      sum += (Math.exp(s - t) - 1 - s + t + (z[c]! - other[c]!) ** 2 * Math.exp(-t)) / 2
    }
    return sum
  }
})
