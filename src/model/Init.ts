/**
 * How the kernels of a network are drawn before training: normal, mean 0, with a variance that keeps signals of order one.
 *
 * Biases start at 0.
 *
 * *Source*: LeCun et al. 1998, section 4.6 (fan-in); Glorot and Bengio 2010, eq. 16 (fan-in and fan-out); He et al. 2015, eq. 10.
 */
import { Schema } from "effect"

/** `Lecun`: 1/in. `He`: 2/in, for relu. `Glorot`: 2/(in + out). */
export const Init = Schema.TaggedUnion({ Lecun: {}, He: {}, Glorot: {} })
export type Init = typeof Init.Type

/** Variance 1/in: keeps the variance of pre-activations, for tanh and the like. */
export const lecun: Init = { _tag: "Lecun" }

/** Variance 2/in: the same for relu, which lets half of it through. */
export const he: Init = { _tag: "He" }

/** Variance 2/(in + out): between keeping the variance forwards and backwards. */
export const glorot: Init = { _tag: "Glorot" }

/** The variance of one entry of an `[inputs, outputs]` kernel. */
export const variance = (init: Init, inputs: number, outputs: number): number =>
  Init.match(init, {
    Lecun: () => 1 / Math.max(1, inputs),
    He: () => 2 / Math.max(1, inputs),
    Glorot: () => 2 / (inputs + outputs)
  })
