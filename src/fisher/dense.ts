/**
 * The whole Fisher, P x P.
 *
 * *Math*: F = (1/N) sum_n sum_k g_nk g_nk^T with the cotangents' weights inside g. *Cost*: K N P^2 flops and P^2 / 2 floats to estimate,
 * P^3 / 3 flops to factor once for each damping, about 7 P^3 for its eigenvectors.
 */
import { added, times } from "./internal/arrays.ts"
import { blockOperations, gramOfGradients } from "./internal/dense.ts"
import { partOf } from "./internal/symmetric.ts"
import { Symmetric } from "./Moment.ts"
import type { Operation, Structure } from "./Structure.ts"

/** The whole Fisher, P x P. For up to some thousands of parameters; the truth that other structures approximate. */
export const dense: Structure<Exclude<Operation, "factoredSolve">> = {
  name: "dense",
  constants: [],
  moments: ({ size }) => [Symmetric({ side: size, count: 1 })],
  reduce: ({ columns, examples, layers }) => [gramOfGradients(layers, columns, examples)],
  operations: ({ kernels, means, space: { blocks, size } }) => ({
    ...blockOperations(kernels, size, [{ what: "dense Fisher", offset: 0, size, triangle: means[0]! }]),
    scale: (factor) => [times(means[0]!, factor)],
    sum: (other) => added(means, other),
    restrict: (index) => {
      const { columns, offset, rows } = blocks[index]!
      return { structure: dense, means: [partOf(means[0]!, offset, rows * columns)] }
    }
  })
}
