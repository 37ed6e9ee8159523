/**
 * The Fisher of each layer, weight and bias together, and zero between layers.
 *
 * *Math*: as `dense`, for one layer at a time. *Cost*: K N sum_l P_l^2 flops and sum_l P_l^2 floats to estimate, sum_l P_l^3 / 3 flops to
 * factor once for each damping.
 */
import { blockOperations, gramOfGradients } from "./internal/dense.ts"
import type { Structure } from "./Structure.ts"

/** One dense block a layer: exact within a layer, blind to what layers have in common. */
export const blockDiagonal: Structure<
  "apply" | "solve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"
> = {
  name: "blockDiagonal",
  sizes: ({ blocks }) => blocks.map(({ columns, rows }) => (rows * columns) ** 2),
  reduce: ({ columns, examples, layers }) =>
    layers.map((layer) => gramOfGradients([layer], columns, examples)),
  operations: ({ kernels, means, space }) =>
    blockOperations(
      kernels,
      space.size,
      space.blocks.map(({ columns, layer, offset, rows }, i) => ({
        what: `Fisher of layer ${layer}`,
        offset,
        size: rows * columns,
        matrix: means[i]!
      }))
    )
}
