/**
 * The sums that a Fisher is made of: a value that blocks are folded into, in the order of the data.
 *
 * `empty` and `combine` make a monoid (exactly, but for the rounding of float64 sums: fold in one order and the bits are the same).
 * `movingAverage` weighs the past down, examples and sums alike.
 */
import { Effect, Result, Schema, type Scope } from "effect"
import { EmptyData, InvalidArgument, NonFinite, ShapeMismatch, type TensorFailure } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import type { ParamSpace } from "../model/ParamSpace.ts"
import type { Scores } from "../model/Score.ts"
import { attempt, Decay, decode, firstNonFinite, shown } from "../Options.ts"
import { Device } from "../tensor/Device.ts"
import type { Fisher } from "./Fisher.ts"
import type { Operation, Structure } from "./Structure.ts"

export interface Accumulator<S extends string, Op extends Operation> {
  readonly structure: Structure<Op>
  readonly space: ParamSpace<S>
  /** The examples in the sums, or their weight after a decay. */
  readonly weight: number
  readonly sums: ReadonlyArray<Float64Array>
}

/** 1 GiB of sums; a block of them is on the device beside it, where some GiB is the end. */
const mostNumbers = 2 ** 27

/**
 * Nothing yet: all sums 0.
 *
 * *Throws*: `InvalidArgument` where the structure needs more than 2^27 numbers for this network.
 */
export const empty = <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  space: ParamSpace<S>
): Accumulator<S, Op> => {
  if (typeof structure?.sizes !== "function") {
    throw new InvalidArgument({
      argument: "structure",
      value: shown(structure),
      message: `structure is ${shown(structure)}. Give one of Structure, such as Structure.kfac.`
    })
  }
  const sizes = structure.sizes(space)
  const numbers = sizes.reduce((sum, size) => sum + size, 0)
  if (numbers > mostNumbers) {
    throw new InvalidArgument({
      argument: "structure",
      value: structure.name,
      message: `The ${structure.name} Fisher of ${space.size} parameters is ${numbers} numbers, over the ${mostNumbers} that are allowed. Choose Structure.kfac or Structure.diagonal.`
    })
  }
  return { structure, space, weight: 0, sums: sizes.map((size) => new Float64Array(size)) }
}

/** `empty`, failing with its error. */
export const start = <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  space: ParamSpace<S>
): Effect.Effect<Accumulator<S, Op>, InvalidArgument> =>
  Effect.fromResult(attempt<InvalidArgument>()(() => empty(structure, space)))

/**
 * Reduces the scores of a block to the sums of a structure, on the device.
 *
 * *Fails*: `TensorFailure`.
 */
export const reduce = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  scores: Scores<S>
): Effect.fn.Return<Accumulator<S, Op>, TensorFailure, Device | Scope.Scope> {
  const device = yield* Device
  const tensors = yield* device.compute(`reduce ${structure.name}`, (keep) =>
    structure.reduce(scores).map(keep)
  )
  const sums = yield* device.read(`reduce ${structure.name}`, tensors)
  return {
    structure,
    space: scores.space,
    weight: scores.examples,
    sums: sums.map((part) => new Float64Array(part))
  }
}, Effect.scoped)

/** The sums of both. *Fails*: `ShapeMismatch` for accumulators of different structures or networks. */
export const combine = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>
): Result.Result<Accumulator<S, Op>, ShapeMismatch> => weighted(self, that, 1)

/**
 * `decay` times the sums of `self`, plus those of `that`; the weight of the examples alike. So the mean that `finish` takes is the
 * moving average of Martens and Grosse 2015, section 5, with no bias towards its start.
 *
 * *Fails*: as `combine`; `InvalidArgument` for a decay that is not from 0 to under 1.
 */
export const movingAverage = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>,
  decay: number
): Result.Result<Accumulator<S, Op>, ShapeMismatch | InvalidArgument> =>
  Result.flatMap(decode(AverageOptions, { decay }), () => weighted(self, that, decay))

const AverageOptions = Schema.Struct({ decay: Decay })

const weighted = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>,
  decay: number
): Result.Result<Accumulator<S, Op>, ShapeMismatch> => {
  const name = ({ space, structure }: Accumulator<S, Op>): string => `${structure.name} of ${space.signature}`
  if (name(self) !== name(that)) {
    return Result.fail(
      new ShapeMismatch({
        what: "accumulators",
        expected: name(self),
        actual: name(that),
        message: `An accumulator for ${name(that)} does not add to one for ${name(self)}. Combine accumulators of one structure and network.`
      })
    )
  }
  const sums = self.sums.map((sum, i) => {
    const part = that.sums[i]!
    const out = new Float64Array(sum.length)
    for (let j = 0; j < out.length; j++) out[j] = decay * sum[j]! + part[j]!
    return out
  })
  return Result.succeed({ ...self, weight: decay * self.weight + that.weight, sums })
}

/**
 * The Fisher that the sums are of: their means, rounded to float32, ready for the pure operations with these kernels.
 *
 * *Fails*: `EmptyData`, `NonFinite`.
 */
export const finish = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  kernels: Kernels
): Result.Result<Fisher<S, Op>, EmptyData | NonFinite> => {
  const { space, structure, sums, weight } = self
  if (!(weight > 0)) {
    return Result.fail(
      new EmptyData({
        what: "Fisher",
        message: "No example was added to the Fisher. It is an average and needs at least one."
      })
    )
  }
  const means = sums.map((sum) => new Float32Array(sum.map((value) => value / weight)))
  for (const mean of means) {
    const index = firstNonFinite(mean)
    if (index >= 0) {
      return Result.fail(
        new NonFinite({
          what: `moments of the ${structure.name} Fisher`,
          index,
          value: String(mean[index]),
          message: `A moment of the ${structure.name} Fisher is ${mean[index]}. The gradients are too large for float32: scale the inputs or the outputs down.`
        })
      )
    }
  }
  return Result.succeed({
    space,
    structure: structure.name,
    examples: weight,
    means,
    operations: structure.operations({ space, means, kernels })
  })
}
