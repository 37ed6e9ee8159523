/**
 * The sums that a Fisher is made of: a value that blocks are folded into, in the order of the data.
 *
 * `empty` and `combine` make a monoid, exactly: a sum carries what its rounding lost, so parts that were summed apart (by blocks, by
 * workers, before and after a restart) and are combined in the order of the data give the bits of one walk over it.
 * `movingAverage` weighs the past down, examples and sums alike.
 */

import type * as tf from "@tensorflow/tfjs"
import { Effect, Result, Schema, type Scope } from "effect"
import {
  EmptyData,
  InvalidArgument,
  NonFinite,
  ShapeMismatch,
  type SnapshotMismatch,
  type TensorFailure
} from "../Errors.ts"
import type { Kernels, Real } from "../kernels/Kernels.ts"
import type { Layout, ParamSpace } from "../model/ParamSpace.ts"
import type { Scores } from "../model/Score.ts"
import { attempt, Decay, decode, firstNonFinite, shown } from "../Options.ts"
import { Device } from "../tensor/Device.ts"
import { copyNumbers } from "../tensor/Numbers.ts"
import { sameArrays } from "./internal/arrays.ts"
import { addExactly } from "./internal/exact.ts"
import { isTwoPass } from "./internal/twoPass.ts"
import { type Fisher, make } from "./internal/value.ts"
import { type Moment, sizeOf } from "./Moment.ts"
import { notNext, type Origin } from "./Origin.ts"
import type { AnyStructure, Operation, Structure } from "./Structure.ts"

export { Origin } from "./Origin.ts"

export interface Accumulator<S extends string, Op extends Operation> {
  readonly structure: Structure<Op>
  readonly space: ParamSpace<S>
  /** The examples in the sums, or their weight after a decay. */
  readonly weight: number
  /**
   * For each moment of the structure its sum (of a symmetric matrix the lower triangle), or its rows laid end to end; empty where
   * there is nothing yet. In float64, but for one block alone, whose sums are as the device gave them.
   */
  readonly sums: ReadonlyArray<Real>
  /** What rounding took from each sum; empty where nothing is missing. */
  readonly rests: ReadonlyArray<Float64Array>
  /** Where the sums come from, where that is known: `Fisher.accumulate` says it, a pipeline of one's own need not. */
  readonly origin: Origin | undefined
}

/** 1 GiB of sums, with their rests; a block of them is on the device beside it, matrices whole, where some GiB is the end. */
const mostNumbers = 2 ** 26

const tooMany = (structure: string, space: string, numbers: number): InvalidArgument =>
  new InvalidArgument({
    argument: "structure",
    value: structure,
    message: `The ${structure} Fisher of ${space} is ${numbers} numbers, over the ${mostNumbers} that are allowed. Choose a smaller one, such as Structure.kfac or Structure.diagonal, or Structure.mixed with it for the largest layer.`
  })

/**
 * Nothing yet: no sum, and no row.
 *
 * *Throws*: `InvalidArgument` for what is no structure of one pass, or needs more than 2^26 numbers for this network; `ShapeMismatch`
 * for a mixture of more or fewer structures than the network has layers.
 */
export const empty = <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  space: ParamSpace<S>
): Accumulator<S, Op> => {
  if (typeof structure?.moments !== "function") throw notOnePass(structure)
  const numbers = structure.moments(space).reduce((sum, moment) => sum + sizeOf(moment), 0)
  if (numbers > mostNumbers) throw tooMany(structure.name, `${space.size} parameters`, numbers)
  return { structure, space, weight: 0, sums: [], rests: [], origin: undefined }
}

const notOnePass = (structure: unknown): InvalidArgument =>
  isTwoPass(structure as AnyStructure<never>)
    ? new InvalidArgument({
        argument: "structure",
        value: (structure as AnyStructure<never>).name,
        message: `structure is ${(structure as AnyStructure<never>).name}, which takes two passes over the data. Give it to Fisher.estimate, or accumulate its first pass and then what Fisher.secondPass gives.`
      })
    : new InvalidArgument({
        argument: "structure",
        value: shown(structure),
        message: `structure is ${shown(structure)}. Give one of Structure, such as Structure.kfac.`
      })

/** `empty`, failing with its error. */
export const start = <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  space: ParamSpace<S>
): Effect.Effect<Accumulator<S, Op>, InvalidArgument | ShapeMismatch> =>
  Effect.fromResult(attempt<InvalidArgument | ShapeMismatch>()(() => empty(structure, space)))

/**
 * Reduces the scores of a block to the sums of a structure, on the device. They are read to `arrays`, where those are as long as they are, and
 * else to arrays of their own.
 *
 * *Fails*: `TensorFailure`; `InvalidArgument` where the rows of this block alone are too many.
 */
export const reduce = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  scores: Scores<S>,
  arrays: ReadonlyArray<Real> = []
): Effect.fn.Return<Accumulator<S, Op>, TensorFailure | InvalidArgument, Device | Scope.Scope> {
  const device = yield* Device
  yield* Effect.fromResult(requireFewRows(structure, scores))
  const stage = `reduce ${structure.name}`
  const parts = yield* device.compute(stage, (keep) =>
    structure.reduce(scores).map((tensor: tf.Tensor, i) => {
      const due = arrays[i]
      const out = due instanceof Float32Array && due.length === tensor.size ? due : undefined
      const values = out ?? new Float32Array(tensor.size)
      return copyNumbers(tensor, values, 0) ? values : keep(tensor)
    })
  )
  yield* Effect.fromResult(requireSizes(structure, scores.space, parts))
  const distant = parts.filter((part): part is tf.Tensor => !(part instanceof Float32Array))
  const read = distant.length === 0 ? [] : yield* device.read(stage, distant)
  return {
    structure,
    space: scores.space,
    weight: scores.examples,
    sums: parts.map((part) => (part instanceof Float32Array ? part : read[distant.indexOf(part)]!)),
    rests: [],
    origin: undefined
  }
}, Effect.scoped)

const requireFewRows = <S extends string>(
  structure: Structure<never>,
  { columns, examples, space }: Scores<S>
): Result.Result<void, InvalidArgument> => {
  const width = structure
    .moments(space)
    .reduce((sum, moment) => sum + (moment._tag === "Rows" ? moment.width : 0), 0)
  const numbers = columns * examples * width
  return numbers <= mostNumbers
    ? Result.succeed(undefined)
    : Result.fail(
        new InvalidArgument({
          argument: "structure",
          value: structure.name,
          message: `The rows of the ${structure.name} Fisher for ${examples} examples with ${columns} columns each are ${numbers} numbers, over the ${mostNumbers} that are allowed. Give fewer draws, a smaller blockSize or Structure.kfac.`
        })
      )
}

/** That a structure's `reduce` gives what its `moments` announce: of a symmetric matrix the lower triangle, and not the whole. */
const requireSizes = (
  structure: Structure<never>,
  space: Layout,
  parts: ReadonlyArray<tf.Tensor | Float32Array>
): Result.Result<void, InvalidArgument> => {
  const moments = structure.moments(space)
  const sizes = parts.map((part) => (part instanceof Float32Array ? part.length : part.size))
  const due = moments.map((moment, i) => (moment._tag === "Rows" ? sizes[i] : sizeOf(moment)))
  return sizes.length === due.length && sizes.every((size, i) => size === due[i])
    ? Result.succeed(undefined)
    : Result.fail(
        new InvalidArgument({
          argument: "structure",
          value: structure.name,
          message: `The structure ${structure.name} reduces a block to ${sizes.join(", ")} numbers, and its moments are ${due.join(", ")}. Give one tensor for each moment, of a symmetric matrix the lower triangle.`
        })
      )
}

type CombineError = ShapeMismatch | SnapshotMismatch | InvalidArgument

/**
 * The sums of both, those of `that` after those of `self`.
 *
 * *Fails*: `ShapeMismatch` for accumulators of different structures or networks; `SnapshotMismatch` where both know their origin and
 * it differs in more than the range of examples, or the examples of `that` do not follow those of `self`; `InvalidArgument` where
 * rows become too many.
 */
export const combine = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>
): Result.Result<Accumulator<S, Op>, CombineError> =>
  Result.gen(function* () {
    yield* alike(self, that)
    // Nothing is neutral, whatever its origin.
    if (self.weight === 0 && self.origin === undefined) return that
    if (that.weight === 0 && that.origin === undefined) return self
    const strange =
      self.origin === undefined || that.origin === undefined ? undefined : notNext(self.origin, that.origin)
    if (strange !== undefined) return yield* Result.fail(strange)
    const grown = fold(self)
    yield* grown.add(that)
    return grown.done()
  })

/** A fold that writes to sums of its own: a new copy for every block would be most of its cost. */
export interface Fold<S extends string, Op extends Operation> {
  /** Adds sums that are alike and come next; the caller has seen to both. *Fails*: `InvalidArgument` where rows become too many. */
  readonly add: (part: Accumulator<S, Op>) => Result.Result<void, InvalidArgument>
  /** What the sums are now, not to be written to by a later `add`. */
  readonly done: () => Accumulator<S, Op>
  /** Whether arrays of sums that were added are held, and not to be written to. */
  readonly holds: (part: Accumulator<S, Op>) => boolean
  /** Where they are from. */
  readonly origin: () => Origin | undefined
}

/** A fold from `start` on, whose arrays it leaves as they are. */
export const fold = <S extends string, Op extends Operation>(start: Accumulator<S, Op>): Fold<S, Op> => {
  const { space, structure } = start
  const moments = structure.moments(space)
  let sums = start.sums
  let grown: ReadonlyArray<Float64Array> = []
  let rests = start.rests
  /** Whether sums and rests are the fold's own: arrays that others hold too are copied before they are written to. */
  let owned = false
  const rows: ReadonlyArray<Array<Real>> = moments.map((_, i) => start.sums.slice(i, i + 1))
  let weight = start.weight
  let numbers = sums.reduce((total, sum) => total + sum.length, 0)
  let { origin } = start

  const addSums = (part: Accumulator<S, Op>): void => {
    if (weight === 0) {
      // The first sums are what they are: nothing is added to them.
      sums = part.sums
      rests = part.rests
      owned = false
      return
    }
    if (!owned) {
      rests = moments.map((moment, i) => rests[i]?.slice() ?? zeros(moment))
      grown = sums.map((sum, i) => new Float64Array(moments[i]!._tag === "Rows" ? [] : sum))
      sums = grown
      owned = true
    }
    for (const [i, moment] of moments.entries()) {
      if (moment._tag !== "Rows") addExactly(grown[i]!, rests[i]!, part.sums[i]!, part.rests[i])
    }
  }

  return {
    add: (part) => {
      origin = joined(origin, part.origin)
      if (part.weight === 0) return Result.succeed(undefined)
      for (const [i, moment] of moments.entries()) {
        if (moment._tag !== "Rows") continue
        numbers += part.sums[i]!.length
        if (numbers > mostNumbers) return Result.fail(tooMany(structure.name, `these examples`, numbers))
        rows[i]!.push(part.sums[i]!)
      }
      addSums(part)
      weight += part.weight
      return Result.succeed(undefined)
    },
    holds: (part) => sums === part.sums || moments.some(({ _tag }) => _tag === "Rows"),
    origin: () => origin,
    done: () => {
      owned = false
      return {
        structure,
        space,
        weight,
        sums: sums.map((sum, i) => (moments[i]!._tag === "Rows" ? concatenated(rows[i]!) : sum)),
        // One part alone lacks nothing: zeros for it would be as many numbers as the sums.
        rests: rests.length === 0 ? [] : moments.map((moment, i) => rests[i] ?? zeros(moment)),
        origin
      }
    }
  }
}

/** What rounding took from sums that nothing was added to. */
const zeros = (moment: Moment): Float64Array => new Float64Array(sizeOf(moment))

const joined = (self: Origin | undefined, that: Origin | undefined): Origin | undefined =>
  self === undefined || that === undefined ? undefined : { ...self, to: that.to, data: null }

/** All rows below each other. */
const concatenated = (parts: ReadonlyArray<Real>): Float64Array => {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * `decay` times the sums of `self`, plus those of `that`; the weight of the examples alike. So the mean that `finish` takes is the
 * moving average of Martens and Grosse 2015, section 5, with no bias towards its start. Rows are not forgotten but weighed down, and
 * their number grows, unless `decay` is 0. What rounding took from the sums is less than what it takes from the average, and left out.
 *
 * *Fails*: as `combine`; `InvalidArgument` for a decay that is not from 0 to under 1.
 */
export const movingAverage = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>,
  decay: number
): Result.Result<Accumulator<S, Op>, ShapeMismatch | InvalidArgument> =>
  Result.gen(function* () {
    yield* decode(AverageOptions, { decay })
    yield* alike(self, that)
    const { space, structure } = self
    const moments = structure.moments(space)
    // Of nothing there is nothing to weigh down.
    if (self.weight === 0) return { ...that, rests: [], origin: undefined }
    const [own, more] = [self.sums, that.weight === 0 ? moments.map(zeros) : that.sums]
    const numbers = moments.reduce(
      (sum, moment, i) =>
        sum +
        (moment._tag === "Rows" ? (decay === 0 ? 0 : own[i]!.length) + more[i]!.length : own[i]!.length),
      0
    )
    if (numbers > mostNumbers) return yield* Result.fail(tooMany(structure.name, "these examples", numbers))
    const sums = moments.map((moment, i) =>
      moment._tag === "Rows" ? weighedRows(own[i]!, more[i]!, decay) : weighedSum(own[i]!, more[i]!, decay)
    )
    return { structure, space, weight: decay * self.weight + that.weight, sums, rests: [], origin: undefined }
  })

const AverageOptions = Schema.Struct({ decay: Decay })

const weighedSum = (self: Real, that: Real, decay: number): Real => {
  if (decay === 0) return that
  const out = new Float64Array(self.length)
  for (let i = 0; i < out.length; i++) out[i] = decay * self[i]! + that[i]!
  return out
}

const weighedRows = (self: Real, that: Real, decay: number): Real => {
  if (decay === 0) return that
  const weight = Math.sqrt(decay)
  const weighed = new Float64Array(self)
  for (let i = 0; i < weighed.length; i++) weighed[i] = weight * weighed[i]!
  return concatenated([weighed, that])
}

/** Whether two accumulators are of one structure, with the same constants, and one network. */
const alike = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  that: Accumulator<S, Op>
): Result.Result<void, ShapeMismatch> => {
  const name = ({ space, structure }: Accumulator<S, Op>): string => `${structure.name} of ${space.signature}`
  const [due, actual] = [name(self), name(that)]
  const constants = sameArrays(self.structure.constants, that.structure.constants)
  if (due === actual && constants) return Result.succeed(undefined)
  const [expected, found] = due === actual ? [due, `${actual} in other bases`] : [due, actual]
  return Result.fail(
    new ShapeMismatch({
      what: "accumulators",
      expected,
      actual: found,
      message: `An accumulator for ${found} does not add to one for ${expected}. Combine accumulators of one structure and network.`
    })
  )
}

/**
 * The Fisher that the sums are of: their means, rounded to float32, ready for the pure operations with these kernels.
 *
 * *Fails*: `EmptyData`, `NonFinite`.
 */
export const finish = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  kernels: Kernels
): Result.Result<Fisher<S, Op>, EmptyData | NonFinite> => finished(self, kernels, false)

/** `finish` of sums that nobody else has: the means of those in float32 take their place. *Fails*: as `finish`. */
export const finishInPlace = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>,
  kernels: Kernels
): Result.Result<Fisher<S, Op>, EmptyData | NonFinite> => finished(self, kernels, true)

const finished = <S extends string, Op extends Operation>(
  { space, structure, sums, weight }: Accumulator<S, Op>,
  kernels: Kernels,
  inPlace: boolean
): Result.Result<Fisher<S, Op>, EmptyData | NonFinite> => {
  if (!(weight > 0)) {
    return Result.fail(
      new EmptyData({
        what: "Fisher",
        message: "No example was added to the Fisher. It is an average and needs at least one."
      })
    )
  }
  const means = structure.moments(space).map((moment, i) => meanOf(moment, sums[i]!, weight, inPlace))
  for (const { finite, mean } of means) {
    const index = finite ? -1 : firstNonFinite(mean)
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
  return Result.succeed(
    make({ space, structure, examples: weight, means: means.map(({ mean }) => mean), kernels })
  )
}

/** The mean, and whether all of it is finite: seen in the pass that writes it, as both are as fast as memory. */
const meanOf = (
  moment: Moment,
  sum: Real,
  weight: number,
  inPlace: boolean
): { readonly mean: Float32Array; readonly finite: boolean } => {
  // A product takes a fifth of the time of a quotient, and in float64 is as near for a float32.
  const share = 1 / (moment._tag === "Rows" ? Math.sqrt(weight) : weight)
  const mean = inPlace && sum instanceof Float32Array ? sum : new Float32Array(sum.length)
  let nothing = 0
  for (let i = 0; i < sum.length; i++) {
    const value = Math.fround(sum[i]! * share)
    mean[i] = value
    // 0 for a number, else NaN.
    nothing += value - value
  }
  return { mean, finite: nothing === 0 }
}
