/** Draws of y, of equal weight, from uniform numbers that a sampler chooses. */
import { Effect, Result } from "effect"
import type { ShapeMismatch, TensorFailure } from "../../Errors.ts"
import type { Outputs } from "../../model/Conditional.ts"
import type { Uniforms } from "../../model/Likelihood.ts"
import { attempt } from "../../Options.ts"
import { fold, type Key, make as makeKey } from "../../random/Key.ts"
import { type Draws, Labels } from "../Draws.ts"
import type { Sampler } from "../Sampler.ts"
import { fits } from "./fits.ts"

/** Where a sum or a difference of uniform numbers rounds to 1: quantile functions are finite on the open interval alone. */
export const largestBelowOne = 1 - 2 ** -53

/** K draws for each example of a block, weight 1/K. `uniforms` is given the example's own key. */
export const labelled = (
  outputs: Outputs,
  key: Key,
  columns: number,
  uniforms: (own: Key) => Uniforms
): Draws => {
  const { examples, indices } = outputs.batch
  const ofExample = (n: number): Uniforms => uniforms(fold(key, indices[n]!))
  const labels = outputs.many?.().draws?.(columns, ofExample) ?? drawsEach(outputs, columns, ofExample)
  return Labels({ columns, labels, weights: new Float64Array(columns * examples).fill(1 / columns) })
}

const drawsEach = (
  { batch: { examples }, distribution, likelihood, size }: Outputs,
  columns: number,
  uniforms: (n: number) => Uniforms
): Float64Array => {
  const labelSize = likelihood.labelSize(size)
  const labels = new Float64Array(columns * examples * labelSize)
  for (let n = 0; n < examples; n++) {
    const uniform = uniforms(n)
    const own = distribution(n)
    let k = 0
    let slot = 0
    const next = () => uniform(k, slot++)
    for (; k < columns; k++) {
      slot = 0
      const y = own.sample(next)
      for (let i = 0; i < labelSize; i++) labels[(k * examples + n) * labelSize + i] = y[i]!
    }
  }
  return labels
}

/** What is drawn, or the typed error of a likelihood of the user's own. */
export const drawing = attempt<ShapeMismatch | TensorFailure>()

/** The sampler that takes as many draws everywhere. */
export const fixedSize = (
  name: string,
  { draws, seed }: { readonly draws: number; readonly seed: number },
  uniforms: (own: Key) => Uniforms
): typeof Sampler.Service => {
  const key = makeKey(seed)
  return {
    name: `${name}(${draws} draws, seed ${seed})`,
    draw: (outputs, round) =>
      Effect.fromResult(
        Result.flatMap(fits(outputs, draws, round), () =>
          drawing(() => labelled(outputs, fold(key, round), draws, uniforms))
        )
      )
  }
}
