/**
 * A conditional p_theta(y|x): a network that gives z = f(x, theta), and a likelihood p(y|z).
 *
 * With an x of no features it is a density p_theta(y). The stages below are what every average over data is made of: `load` the
 * parameters onto the device, `linearize` at a block of x, pull cotangents back or push a tangent forward.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, Result, Schema, type Scope } from "effect"
import {
  InvalidArgument,
  type InvalidLabel,
  MissingLabels,
  NonFinite,
  ShapeMismatch,
  TensorFailure
} from "../Errors.ts"
import { decodeOrThrow, firstNonFinite, Seed } from "../Options.ts"
import { fold, make as makeKey } from "../random/Key.ts"
import { Device } from "../tensor/Device.ts"
import { copyNumbers } from "../tensor/Numbers.ts"
import type { Batch, Labels } from "./Batch.ts"
import * as Init from "./Init.ts"
import { forward, type LinearizedNetwork, linearize as linearizeNetwork } from "./internal/walk.ts"
import type { Weights } from "./Layer.ts"
import type { Many, SampledDistribution, SampledLikelihood } from "./Likelihood.ts"
import { numbersOf } from "./Loan.ts"
import * as Network from "./Network.ts"
import { type Layout, mismatch } from "./ParamSpace.ts"
import * as Params from "./Params.ts"
import { type Scores, summedGradientParts, tensorsOf } from "./Score.ts"
import type { Tangent } from "./Tangent.ts"

export interface Conditional<S extends string> {
  readonly network: Network.Network<S>
  readonly likelihood: SampledLikelihood
}

/** *Throws* `ShapeMismatch` where the likelihood cannot take the network's outputs. */
export const make = <S extends string>(
  network: Network.Network<S>,
  likelihood: SampledLikelihood
): Conditional<S> => {
  const misfit = likelihood.misfit(network.outputs)
  if (misfit !== undefined) throw misfit
  return { network, likelihood }
}

/** `seed`, and the variances of the kernels. */
export const InitOptions = Schema.Struct({ seed: Seed, init: Schema.optionalKey(Init.Init) })
export type InitOptions = typeof InitOptions.Type

/**
 * First parameters: kernels normal with the variance of `init` (`Init.lecun` unless said), biases 0. A pure function of the seed.
 *
 * *Throws*: `InvalidArgument` for a seed that is not a whole number from 0 to 2^53 - 1.
 */
export const init = <S extends string>(
  { network }: Conditional<S>,
  options: InitOptions
): Params.Params<S> => {
  const { init = Init.lecun, seed } = decodeOrThrow(InitOptions, options)
  const key = makeKey(seed)
  const values = new Float32Array(network.space.size)
  // The first use of a shared block says how it begins.
  for (const { block, operation } of network.layers.toReversed()) {
    if (operation._tag === "Merge" || operation.layer.initialise === undefined) continue
    const of = network.space.blocks[block]
    if (of !== undefined) values.set(operation.layer.initialise(fold(key, block), init), of.offset)
  }
  for (const [i, block] of network.space.blocks.entries()) {
    if (network.own !== undefined) values.set(network.own.initialise(fold(key, i), init, block), block.offset)
  }
  return Params.make(network.space, values)
}

/** Parameters on the device, for as long as the Scope in which they were loaded. */
export interface Loaded<S extends string> {
  readonly conditional: Conditional<S>
  /** Of each block of the space, then of each frozen one. */
  readonly weights: ReadonlyArray<Weights>
}

/** Loads parameters onto the device. *Fails*: `TensorFailure`, `ShapeMismatch` for parameters of another network. */
export const load = Effect.fnUntraced(function* <S extends string>(
  conditional: Conditional<S>,
  params: Params.Params<S>
): Effect.fn.Return<Loaded<S>, TensorFailure | ShapeMismatch, Device | Scope.Scope> {
  const { frozen, space } = conditional.network
  yield* sameSpace("vector of parameters", space, params.space)
  const weights = yield* upload([...blocksOf(space, params.values), ...frozen])
  return { conditional, weights }
})

/** The values of each block of a vector. */
const blocksOf = (space: Layout, values: Float32Array): ReadonlyArray<Network.FrozenBlock> =>
  space.blocks.map((block) => ({
    block,
    values: values.subarray(block.offset, block.offset + block.rows * block.columns)
  }))

const upload = (blocks: ReadonlyArray<Network.FrozenBlock>) =>
  Device.use((device) =>
    device.compute("load", (keep) =>
      blocks.map(({ block, values }) =>
        Network.blockWeights(block, values, (numbers, shape) => keep(tf.tensor(numbers, [...shape])))
      )
    )
  )

const sameSpace = (what: string, due: Layout, actual: Layout): Effect.Effect<void, ShapeMismatch> => {
  const other = mismatch(what, due, actual)
  return other === undefined ? Effect.void : Effect.fail(other)
}

/** x on the device. What a function of the user's is given there may be the array itself: that one is his. */
const inputTensor = <S extends string>({ own }: Network.Network<S>, batch: Batch): tf.Tensor2D =>
  tf.tensor2d(own === undefined ? numbersOf(batch) : batch.x, [batch.examples, batch.features])

/** Whether a batch can be given to the network: as many features as it takes, and none that a layer on x itself refuses. */
const fits = <S extends string>(
  { network }: Conditional<S>,
  batch: Batch
): Effect.Effect<void, ShapeMismatch | InvalidArgument> => {
  const { examples, features, indices } = batch
  if (features !== network.features) {
    return Effect.fail(
      new ShapeMismatch({
        what: "features of x",
        expected: String(network.features),
        actual: String(features),
        message: `The data has ${features} features and the network ${network.space.signature} takes ${network.features}. Give both the same number.`
      })
    )
  }
  for (const { inputs, operation } of network.layers) {
    if (operation._tag === "Merge" || operation.layer.flaw === undefined || inputs[0] !== 0) continue
    const x = numbersOf(batch)
    for (let n = 0; n < examples; n++) {
      const flaw = operation.layer.flaw(x.subarray(n * features, (n + 1) * features))
      if (flaw === undefined) continue
      const message = `Example ${indices[n]} does not fit the network: ${flaw}`
      return Effect.fail(new InvalidArgument({ argument: "x", value: `example ${indices[n]}`, message }))
    }
  }
  return Effect.void
}

const pointOf = <S extends string>(
  { frozen, space }: Network.Network<S>,
  weights: ReadonlyArray<Weights>
): Network.OwnPoint => ({ space, frozen: frozen.map(({ block }) => block), weights })

const outputOf = <S extends string>(
  network: Network.Network<S>,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): tf.Tensor2D =>
  network.own === undefined
    ? forward(network.layers, weights, x)
    : network.own.forward(pointOf(network, weights), x)

const linearized = <S extends string>(
  network: Network.Network<S>,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): LinearizedNetwork =>
  network.own === undefined
    ? linearizeNetwork(network.layers, network.space, weights, x)
    : network.own.linearize(pointOf(network, weights), x)

/** What layers make of a column, and the gradients that they write out; of a function it is the gradient. */
const widthOf = <S extends string>({ layers, outputs, own, space }: Network.Network<S>): number => {
  if (own !== undefined) return space.size + outputs
  const written = space.blocks.filter(({ form }) => form !== "outer")
  return (
    layers.reduce((sum, layer) => sum + layer.outputs, 0) +
    written.reduce((sum, { columns, rows }) => sum + rows * columns, 0)
  )
}

/** A function of the user's says itself what is wrong: its typed error is the failure, and not the cause of one. */
const thrown = (error: TensorFailure): TensorFailure | ShapeMismatch =>
  error.cause instanceof TensorFailure || error.cause instanceof ShapeMismatch ? error.cause : error

const finiteOutputs = (what: string, values: Float32Array) => {
  const index = firstNonFinite(values)
  return index < 0
    ? Effect.succeed(values)
    : Effect.fail(
        new NonFinite({
          what,
          index,
          value: String(values[index]),
          message: `${what} hold ${values[index]} at index ${index}. The parameters or the inputs are too large for float32: scale them down.`
        })
      )
}

/** What the network says of a block of examples: z, and the distribution of y that each z stands for. */
export interface Outputs {
  readonly batch: Batch
  readonly likelihood: SampledLikelihood
  /** `[N, C]` */
  readonly z: Float32Array
  /** C */
  readonly size: number
  /** The data's own label of example n, for a likelihood that asks what was observed. */
  readonly observed: (n: number) => Float32Array | undefined
  /** p(y|x) of example n of the block, by what was observed of it: computed at the first call, then kept. */
  readonly distribution: (n: number) => SampledDistribution
  /** All of them at once, where the likelihood has that; computed at the first call, then kept. */
  readonly many?: (() => Many) | undefined
}

const outputs = <S extends string>(
  { likelihood, network }: Conditional<S>,
  batch: Batch,
  z: Float32Array
): Outputs => {
  const size = network.outputs
  const cache: Array<SampledDistribution | undefined> = new Array(batch.examples)
  const labels = likelihood.observes === true ? batch.labels : undefined
  const observed = (n: number) => labels?.values.subarray(n * labels.labelSize, (n + 1) * labels.labelSize)
  const together = likelihood.many?.at === likelihood.at ? likelihood.many : undefined
  let opened: Many | undefined
  return {
    batch,
    likelihood,
    z,
    size,
    observed,
    distribution: (n) => (cache[n] ??= likelihood.at(z.subarray(n * size, (n + 1) * size), observed(n))),
    many: together && (() => (opened ??= together.open({ z, examples: batch.examples, size })))
  }
}

/** z and p(y|x) for a batch: one forward pass. *Fails*: `ShapeMismatch`, `NonFinite`, `TensorFailure`. */
export const evaluate = Effect.fnUntraced(function* <S extends string>(
  { conditional, weights }: Loaded<S>,
  batch: Batch
): Effect.fn.Return<
  Outputs,
  TensorFailure | ShapeMismatch | NonFinite | InvalidArgument,
  Device | Scope.Scope
> {
  yield* fits(conditional, batch)
  const device = yield* Device
  const output = yield* device
    .compute("forward", (keep) =>
      keep(outputOf(conditional.network, weights, inputTensor(conditional.network, batch)))
    )
    .pipe(Effect.mapError(thrown))
  const [z] = yield* device.read("forward", [output])
  return outputs(conditional, batch, yield* finiteOutputs("outputs of the network", z!))
}, Effect.scoped)

/** A network linearised at a block of x. Its tensors live in the Scope in which it was made. */
export interface Linearization<S extends string> {
  readonly outputs: Outputs
  /** How many numbers one column of one example takes on its way back through the layers. */
  readonly width: number
  /**
   * The scores for cotangents `[K, N, C]` of z, all of them pulled back at once: K N backpropagations. `share` says which part of
   * the columns of a block they are, where they come in groups; 1 unless said.
   *
   * *Cost*: two thirds of K forward-and-backward passes. *Fails*: `TensorFailure`, `ShapeMismatch`, `NonFinite`.
   */
  readonly backprop: (
    cotangents: Float32Array,
    columns: number,
    share?: number
  ) => Effect.Effect<Scores<S>, TensorFailure | ShapeMismatch | NonFinite, Device | Scope.Scope>
  /**
   * sum_n J_n^T w_n, `[P]`, for one cotangent `[N, C]`: the scores of one column, summed over examples.
   *
   * *Cost*: as `backprop` of one column; of a function of one's own, one pass over the whole block. *Fails*: as `backprop`.
   */
  readonly pullback: (
    cotangents: Float32Array
  ) => Effect.Effect<Float32Array, TensorFailure | ShapeMismatch | NonFinite, Device>
  /** J v, `[N, C]`: the change of z for a tangent, layer by layer. *Cost*: two forward passes. */
  readonly pushforward: (
    tangent: Tangent<S>
  ) => Effect.Effect<Float32Array, TensorFailure | ShapeMismatch | NonFinite, Device>
}

/** One forward pass whose tape the Scope keeps. *Fails*: `ShapeMismatch`, `NonFinite`, `TensorFailure`. */
export const linearize = Effect.fnUntraced(function* <S extends string>(
  { conditional, weights }: Loaded<S>,
  batch: Batch
): Effect.fn.Return<
  Linearization<S>,
  TensorFailure | ShapeMismatch | NonFinite | InvalidArgument,
  Device | Scope.Scope
> {
  yield* fits(conditional, batch)
  const device = yield* Device
  const { network } = conditional
  const map = yield* device
    .compute("linearize", (keep) => {
      const made = linearized(network, weights, inputTensor(network, batch))
      for (const tensor of new Set(made.tape)) keep(tensor)
      return made
    })
    .pipe(Effect.mapError(thrown))
  const { output, verdict } = map
  const [z, numbers] = yield* device.read(
    "linearize",
    verdict === undefined ? [output] : [output, verdict.numbers]
  )
  const refusal = verdict?.refusal(numbers!)
  if (refusal !== undefined) return yield* refusal
  const outs = outputs(conditional, batch, yield* finiteOutputs("outputs of the network", z!))
  return {
    outputs: outs,
    width: widthOf(network),
    backprop: (cotangents, columns, share = 1) =>
      backprop(network.space, map, batch.examples, network.outputs, cotangents, columns, share),
    pullback: (cotangents) => pullback(network.space, map, batch.examples, network.outputs, cotangents),
    pushforward: (tangent) => pushforward(conditional, map, tangent)
  }
})

const backprop = Effect.fnUntraced(function* <S extends string>(
  space: Network.Network<S>["space"],
  map: LinearizedNetwork,
  examples: number,
  outputSize: number,
  cotangents: Float32Array,
  columns: number,
  share: number
): Effect.fn.Return<Scores<S>, TensorFailure | ShapeMismatch | NonFinite, Device | Scope.Scope> {
  yield* requireCotangents(cotangents, columns, examples, outputSize)
  const device = yield* Device
  const tape = new Set(map.tape)
  const layers = yield* device
    .compute("backprop", (keep) => {
      const scores = map.scores(tf.tensor3d(cotangents, [columns, examples, outputSize]))
      // What the linearisation keeps has its owner already.
      const made = scores.flatMap(tensorsOf).filter((tensor) => !tape.has(tensor))
      for (const tensor of new Set(made)) keep(tensor)
      return scores
    })
    .pipe(Effect.mapError(thrown))
  return { space, examples, columns, share, layers }
})

const requireCotangents = (
  cotangents: Float32Array,
  columns: number,
  examples: number,
  outputs: number
): Effect.Effect<unknown, ShapeMismatch | NonFinite> => {
  const due = columns * examples * outputs
  return cotangents.length === due
    ? finiteOutputs("cotangents", cotangents)
    : Effect.fail(
        new ShapeMismatch({
          what: "cotangents",
          expected: `${columns} x ${examples} x ${outputs}`,
          actual: String(cotangents.length),
          message: `${cotangents.length} numbers are no cotangents of ${columns} columns, ${examples} examples and ${outputs} outputs. Give ${due}.`
        })
      )
}

const pullback = Effect.fnUntraced(function* <S extends string>(
  space: Network.Network<S>["space"],
  map: LinearizedNetwork,
  examples: number,
  outputs: number,
  cotangents: Float32Array
): Effect.fn.Return<Float32Array, TensorFailure | ShapeMismatch | NonFinite, Device | Scope.Scope> {
  yield* requireCotangents(cotangents, 1, examples, outputs)
  return yield* vectorOf("pullback", space, () => {
    if (map.pullback === undefined) {
      return map.scores(tf.tensor3d(cotangents, [1, examples, outputs])).map(summedGradientParts)
    }
    return map.pullback(tf.tensor2d(cotangents, [examples, outputs])).map((sum) => [sum])
  }).pipe(Effect.mapError(thrown))
}, Effect.scoped)

/** The vector that a tensor program gives of each block in parts, which lie one after the other. */
const vectorOf = Effect.fnUntraced(function* (
  stage: string,
  { blocks, size }: Layout,
  program: () => ReadonlyArray<ReadonlyArray<tf.Tensor>>
): Effect.fn.Return<Float32Array, TensorFailure, Device | Scope.Scope> {
  const device = yield* Device
  const { distant, values } = yield* device.compute(stage, (keep) => {
    const values = new Float32Array(size)
    const distant: Array<{ readonly at: number; readonly tensor: tf.Tensor }> = []
    for (const [i, parts] of program().entries()) {
      let at = blocks[i]!.offset
      for (const tensor of parts) {
        if (!copyNumbers(tensor, values, at)) distant.push({ at, tensor: keep(tensor) })
        at += tensor.size
      }
    }
    return { values, distant }
  })
  if (distant.length === 0) return values
  const read = yield* device.read(
    stage,
    distant.map(({ tensor }) => tensor)
  )
  for (const [i, { at }] of distant.entries()) values.set(read[i]!, at)
  return values
})

const pushforward = Effect.fnUntraced(function* <S extends string>(
  conditional: Conditional<S>,
  map: LinearizedNetwork,
  tangent: Tangent<S>
): Effect.fn.Return<Float32Array, TensorFailure | ShapeMismatch | NonFinite, Device | Scope.Scope> {
  yield* sameSpace("tangent", conditional.network.space, tangent.space)
  const device = yield* Device
  const direction = yield* upload(blocksOf(conditional.network.space, tangent.values))
  const change = yield* device
    .compute("pushforward", (keep) => keep(map.pushforward(direction)))
    .pipe(Effect.mapError(thrown))
  const [values] = yield* device.read("pushforward", [change])
  return yield* finiteOutputs("changes of the outputs", values!)
}, Effect.scoped)

/** `sum_{k,n}` of the gradients, as numbers. *Fails*: `TensorFailure`. */
export const sumScores = Effect.fnUntraced(function* <S extends string>({
  layers,
  space
}: Scores<S>): Effect.fn.Return<Float32Array, TensorFailure, Device | Scope.Scope> {
  return yield* vectorOf("sum of scores", space, () => layers.map(summedGradientParts))
}, Effect.scoped)

/**
 * The data's labels of a batch, checked against the likelihood of a network of so many outputs.
 *
 * *Fails*: `MissingLabels`, `ShapeMismatch`, `InvalidLabel`.
 */
export const labelsOf = (
  likelihood: SampledLikelihood,
  outputs: number,
  { examples, indices, labels }: Batch
): Result.Result<Labels, MissingLabels | ShapeMismatch | InvalidLabel> => {
  if (labels === undefined) {
    return Result.fail(
      new MissingLabels({
        what: "y",
        message: `The data has no labels, and this needs the data's own, with the likelihood ${likelihood.name}. Give the DataSource a y.`
      })
    )
  }
  const due = likelihood.labelSize(outputs)
  if (labels.labelSize !== due) {
    return Result.fail(
      new ShapeMismatch({
        what: "y",
        expected: `${due} for each example`,
        actual: String(labels.labelSize),
        message: `y has ${labels.labelSize} numbers for each example and the likelihood ${likelihood.name} takes ${due}. Give y that shape.`
      })
    )
  }
  // One array for the labels that are looked at: a view of each would cost more than the look.
  const y = new Float32Array(due)
  for (let n = 0; n < examples; n++) {
    for (let j = 0; j < due; j++) y[j] = labels.values[n * due + j]!
    const wrong = likelihood.invalid(y, outputs, indices[n]!)
    if (wrong !== undefined) return Result.fail(wrong)
  }
  return Result.succeed(labels)
}

/** `labelsOf` as an Effect. */
export const checkedLabels = (
  likelihood: SampledLikelihood,
  outputs: number,
  batch: Batch
): Effect.Effect<Labels, MissingLabels | ShapeMismatch | InvalidLabel> =>
  Effect.suspend(() => Effect.fromResult(labelsOf(likelihood, outputs, batch)))
