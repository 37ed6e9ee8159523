/**
 * The whole Fisher, P x P.
 *
 * *Math*: F = (1/N) sum_n sum_k g_nk g_nk^T with the cotangents' weights inside g. *Cost*: K N P^2 flops and P^2 floats to estimate,
 * P^3 / 3 flops to factor once for each damping.
 */
import { blockOperations, gramOfGradients } from "./internal/dense.ts"
import type { Structure } from "./Structure.ts"

/** The whole Fisher, P x P. For up to some thousands of parameters; the truth that other structures approximate. */
export const dense: Structure<"apply" | "solve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"> = {
  name: "dense",
  sizes: ({ size }) => [size * size],
  reduce: ({ columns, examples, layers }) => [gramOfGradients(layers, columns, examples)],
  operations: ({ kernels, means, space: { size } }) =>
    blockOperations(kernels, size, [{ what: "dense Fisher", offset: 0, size, matrix: means[0]! }])
}
