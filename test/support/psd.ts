/** How far a matrix is from symmetric and positive semidefinite, at the cost of some Cholesky factorisations. */
import { eps32 } from "./ratio.ts"

/** A flat n x n matrix. */
type Flat = ArrayLike<number>

/** Whether m + shift I has a Cholesky factor, in float64. */
const definite = (m: Flat, n: number, shift: number): boolean => {
  const l = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = m[i * n + j]! + (i === j ? shift : 0)
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!
      if (i === j && !(sum > 0)) return false
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / l[j * (n + 1)]!
    }
  }
  return true
}

/** A norm as float32 can judge by it: squares of gradients that are under 2^-126 lose their digits, so under 2^-100 all norms are alike. */
export const judged = (norm: number): number => (norm < 2 ** -100 ? 2 ** -100 : norm)

/** The Frobenius norm. */
export const normOf = (m: Flat): number => {
  let squares = 0
  for (let i = 0; i < m.length; i++) squares += m[i]! ** 2
  return Math.sqrt(squares)
}

const steps = [0.01, 0.1, 1, 3, 10, 30, 100]

/**
 * Infinity unless m equals its transpose bit for bit; else a bound on how far its least eigenvalue is below 0, in n eps |m| (Frobenius):
 * the first of 0.01, 0.1, 1, 3, 10, 30, 100 that makes up for it, or infinity.
 */
export const deficit = (m: Flat): number => {
  const n = Math.sqrt(m.length)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) if (m[i * n + j] !== m[j * n + i]) return Number.POSITIVE_INFINITY
  }
  const norm = normOf(m)
  if (norm === 0) return 0
  if (!Number.isFinite(norm)) return Number.POSITIVE_INFINITY
  const unit = n * eps32 * judged(norm)
  return steps.find((step) => definite(m, n, step * unit)) ?? Number.POSITIVE_INFINITY
}

/** The matrix with the last bit of one entry off the diagonal changed; -m where it has none. */
export const oneBitOff = (m: Flat): Float32Array => {
  const out = Float32Array.from(m)
  if (out.length === 1) out[0] = -out[0]!
  else out[1] = out[1]! + Math.max(2 ** -149, Math.abs(out[1]!) * 2 ** -23)
  return out
}

export const negated = (m: Flat): Float32Array => Float32Array.from(m, (value) => -value)
