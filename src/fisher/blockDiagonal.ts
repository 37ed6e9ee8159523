/**
 * The Fisher of each layer, weight and bias together, and zero between layers.
 *
 * *Math*: as `dense`, for one layer at a time. *Cost*: K N sum_l P_l^2 flops and sum_l P_l^2 / 2 floats to estimate, sum_l P_l^3 / 3 flops to
 * factor once for each damping.
 */
import { added, times } from "./internal/arrays.ts"
import { blockOperations, gramOfGradients } from "./internal/dense.ts"
import { Symmetric } from "./Moment.ts"
import type { Operation, Structure } from "./Structure.ts"

/** One dense block a layer: exact within a layer, blind to what layers have in common. */
export const blockDiagonal: Structure<Exclude<Operation, "factoredSolve">> = {
  name: "blockDiagonal",
  constants: [],
  moments: ({ blocks }) => blocks.map(({ columns, rows }) => Symmetric({ side: rows * columns, count: 1 })),
  reduce: ({ columns, examples, layers }) =>
    layers.map((layer) => gramOfGradients([layer], columns, examples)),
  operations: ({ kernels, means, space }) => ({
    ...blockOperations(
      kernels,
      space.size,
      space.blocks.map(({ columns, layer, offset, rows }, i) => ({
        what: `Fisher of layer ${layer}`,
        offset,
        size: rows * columns,
        triangle: means[i]!
      }))
    ),
    scale: (factor) => means.map((mean) => times(mean, factor)),
    sum: (other) => added(means, other),
    restrict: (index) => ({ structure: blockDiagonal, means: [means[index]!] })
  })
}
