/**
 * A symmetric positive semidefinite matrix A that is known by its products A v alone: what the methods of Krylov and the
 * stochastic estimators of this folder need of a matrix.
 *
 * A product may be a walk over all data, so an operator takes several vectors at once and serves them in one walk. It
 * may compute in float32: the methods stay in float64 and take the products as they come.
 */
import { Effect } from "effect"
import { ShapeMismatch } from "../Errors.ts"

/** A symmetric linear map, known by its products. */
export interface Operator<E = never, R = never> {
  readonly size: number
  /**
   * The products with some vectors of `size` numbers, in one walk over whatever the operator is made of.
   *
   * *Shapes* As many fresh vectors as were given, in their order; those that were given are left as they are.
   */
  readonly apply: (vectors: ReadonlyArray<Float64Array>) => Effect.Effect<ReadonlyArray<Float64Array>, E, R>
}

/**
 * The operator of a matrix that is written out.
 *
 * *Shapes* `matrix` is n x n row-major and symmetric, which is not checked. *Cost* 2 n^2 flops a product.
 * *Fails* throws `ShapeMismatch` for a matrix of another size.
 */
export const fromMatrix = (n: number, matrix: Float64Array): Operator => {
  if (matrix.length !== n * n) {
    throw new ShapeMismatch({
      what: "the operator's matrix",
      expected: `${n} x ${n}`,
      actual: `${matrix.length} numbers`,
      message: `The operator's matrix has ${matrix.length} numbers, and ${n} x ${n} is due. Check its shape.`
    })
  }
  const product = (v: Float64Array): Float64Array => {
    const out = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * v[j]!
      out[i] = sum
    }
    return out
  }
  // An iteration of cheap products would keep every other fiber waiting.
  return {
    size: n,
    apply: (vectors) => Effect.andThen(Effect.yieldNow, () => Effect.sync(() => vectors.map(product)))
  }
}
