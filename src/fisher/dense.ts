/**
 * The whole Fisher, P x P.
 *
 * *Math*: F = (1/N) sum_n sum_k g_nk g_nk^T with the cotangents' weights inside g. *Cost*: K N P^2 flops and P^2 floats to estimate,
 * P^3 / 3 flops to factor once for each damping.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import { type BlockScores, gradients } from "../model/Score.ts"
import { freeing } from "../tensor/Device.ts"
import { addAll, matrixVector, sumOfSquares } from "./internal/arrays.ts"
import { dampedFactor, solveDamped } from "./internal/damped.ts"
import { lastOf } from "./internal/lastOf.ts"
import type { Moments, Structure } from "./Structure.ts"

/** How many numbers of written-out gradients are on the device at once. */
const gradientBudget = 2 ** 23

/** `sum_{k,n} g g^T`, over groups of columns so that the written-out gradients stay within the budget. */
const reduce = ({ columns, examples, layers, space }: BlockScores): ReadonlyArray<tf.Tensor> => {
  const atOnce = Math.max(1, Math.floor(gradientBudget / (examples * space.size)))
  const parts: Array<tf.Tensor> = []
  for (let from = 0; from < columns; from += atOnce) {
    const to = Math.min(columns, from + atOnce)
    parts.push(
      freeing(() => {
        const rows = layers.map((layer) => gradients(layer, from, to))
        const all = rows.length === 1 ? rows[0]! : tf.concat(rows, 1)
        return tf.matMul(all, all, true, false)
      })
    )
  }
  return [addAll(parts)]
}

const operations = ({ kernels, means, space: { size } }: Moments) => {
  const fisher = means[0]!
  const factor = lastOf((damping: number) =>
    dampedFactor(kernels, { n: size, matrix: fisher, damping, what: "dense Fisher" })
  )
  return {
    apply: (v: Float32Array) => matrixVector(fisher, v),
    solve: (g: Float32Array, damping: number) =>
      Result.map(factor(damping), (made) => new Float32Array(solveDamped(made, g, 1))),
    trace: () => fisher.reduce((sum, value, i) => (i % (size + 1) === 0 ? sum + value : sum), 0),
    frobeniusNorm: () => Math.sqrt(sumOfSquares(fisher)),
    diagonal: () => Float32Array.from({ length: size }, (_, i) => fisher[i * (size + 1)]!),
    toDense: () => fisher.slice()
  }
}

/** The whole Fisher, P x P. For up to some thousands of parameters; the truth that other structures approximate. */
export const dense: Structure<"apply" | "solve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"> = {
  name: "dense",
  sizes: ({ size }) => [size * size],
  reduce,
  operations
}
