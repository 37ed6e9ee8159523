/**
 * Averages over the data that need one pass: the gradient, the negative log-likelihood, the KL divergence, predictions.
 *
 * All of them are means over examples, summed in float64 over blocks of fixed size in the order of the data.
 */
import { Effect, Result, type Scope, Stream } from "effect"
import type {
  EmptyData,
  InvalidArgument,
  InvalidLabel,
  MissingLabels,
  NoClosedForm,
  NonFinite,
  ShapeMismatch,
  TensorFailure
} from "../Errors.ts"
import { type Batch, type Labels, type Matrix, table } from "../model/Batch.ts"
import {
  type Conditional,
  checkedLabels,
  evaluate,
  type Linearization,
  type Loaded,
  linearize,
  load,
  type Outputs
} from "../model/Conditional.ts"
import * as Cotangent from "../model/Cotangent.ts"
import type { ParamSpace } from "../model/ParamSpace.ts"
import type { Params } from "../model/Params.ts"
import { attempt } from "../Options.ts"
import type { Device } from "../tensor/Device.ts"
import { blockSizeFor, mean, meanOf, type PassOptions, rebatch, type Total, total } from "./Blocks.ts"
import type { DataError, DataSource } from "./DataSource.ts"
import * as Draws from "./Draws.ts"
import { closedForm } from "./internal/closedForm.ts"
import { observed } from "./internal/observed.ts"

export { PassOptions } from "./Blocks.ts"

export type AverageError = DataError | TensorFailure | EmptyData | InvalidArgument | NonFinite | ShapeMismatch

/** A gradient with the loss that it is of. */
export interface LossGradient<S extends string> {
  /** The mean of -log p(y|x) over the examples, in nats. */
  readonly loss: number
  readonly gradient: Cotangent.Cotangent<S>
}

const labelsOf = <S extends string>({ likelihood, network }: Conditional<S>, batch: Batch) =>
  checkedLabels(likelihood, network.outputs, batch)

/** `sum_n -log p(y_n|x_n)` of a block on the data's own labels. *Fails*: `TensorFailure` of a log-density of one's own. */
const lossOf = (outputs: Outputs, labels: Labels): Result.Result<number, TensorFailure> =>
  attempt<TensorFailure>()(() => {
    const many = outputs.many?.().logProbabilities(labels.values)
    if (many !== undefined) return many.reduce((sum, value) => sum - value, 0)
    let loss = 0
    for (let n = 0; n < outputs.batch.examples; n++) {
      const y = labels.values.subarray(n * labels.labelSize, (n + 1) * labels.labelSize)
      loss -= outputs.distribution(n).logProbability(y)
    }
    return loss
  })

/** The options, with the blocks that fit the network unless others are asked for. */
const passOf = <S extends string>({ network }: Conditional<S>, options: PassOptions): PassOptions => ({
  blockSize: blockSizeFor(network),
  ...options
})

/**
 * The sum of the losses on the data's own labels over a block, and its gradient.
 *
 * *Fails*: `MissingLabels`, `InvalidLabel`, `ShapeMismatch`, `NonFinite`, `TensorFailure`.
 */
export const blockGradient = Effect.fnUntraced(function* <S extends string>(
  loaded: Loaded<S>,
  batch: Batch
): Effect.fn.Return<
  { readonly loss: number; readonly gradient: Float32Array },
  TensorFailure | ShapeMismatch | NonFinite | InvalidArgument | MissingLabels | InvalidLabel,
  Device | Scope.Scope
> {
  return yield* labelGradient(yield* linearize(loaded, batch), yield* labelsOf(loaded.conditional, batch))
}, Effect.scoped)

/**
 * The sum of the losses on some labels over a block that is linearised already, and its gradient.
 *
 * *Fails*: `InvalidLabel`, `ShapeMismatch`, `NonFinite`, `TensorFailure`.
 */
export const labelGradient = Effect.fnUntraced(function* <S extends string>(
  { outputs, pullback }: Linearization<S>,
  labels: Labels
): Effect.fn.Return<
  { readonly loss: number; readonly gradient: Float32Array },
  TensorFailure | ShapeMismatch | NonFinite | InvalidArgument | InvalidLabel | MissingLabels,
  Device | Scope.Scope
> {
  // The loss is -log p: its gradient is minus the sum of the scores.
  const scores = yield* Effect.fromResult(Draws.labelScores(labels, outputs))
  for (let i = 0; i < scores.length; i++) scores[i] = -scores[i]!
  return {
    loss: yield* Effect.fromResult(lossOf(outputs, labels)),
    gradient: yield* pullback(scores)
  }
}, Effect.scoped)

/**
 * The mean negative log-likelihood of the data's own labels, and its gradient.
 *
 * *Math*: L = (1/N) sum_n -log p(y_n|x_n), weighted where the likelihood has class weights or ignored targets. *Units*: nats. *Cost*: a
 * forward and a backward pass over the data.
 * *Fails*: `MissingLabels`, `InvalidLabel`, `EmptyData`, `ShapeMismatch`, `NonFinite`, `TensorFailure` and what the source fails with.
 */
export const lossAndGradient = Effect.fn("Conditional.lossAndGradient")(function* <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  options: PassOptions = {}
): Effect.fn.Return<
  LossGradient<S>,
  AverageError | MissingLabels | InvalidLabel,
  DataSource | Device | Scope.Scope
> {
  const loaded = yield* load(conditional, params)
  const whole = yield* total(passOf(conditional, options), (batch) =>
    blockGradient(loaded, batch).pipe(Effect.map(({ gradient, loss }) => [gradient, Float64Array.of(loss)]))
  )
  return yield* Effect.fromResult(meanGradient(conditional.network.space, whole))
}, Effect.scoped)

/** Of sums of the gradient and of the loss. *Fails*: `NonFinite`. */
const meanGradient = <S extends string>(
  space: ParamSpace<S>,
  whole: Total
): Result.Result<LossGradient<S>, NonFinite> => {
  const { examples, sums } = whole
  const sum = sums[0]!
  const loss = sums[1]![0]! / examples
  // Numbers of one block alone are nobody else's.
  const values = sum instanceof Float32Array ? sum : new Float32Array(space.size)
  let nothing = loss - loss
  for (let i = 0; i < values.length; i++) {
    const value = Math.fround(sum[i]! / examples)
    values[i] = value
    // 0 for a number, else NaN.
    nothing += value - value
  }
  // They were looked at here: `Cotangent.make` would copy them and look again.
  if (nothing === 0) return Result.succeed({ loss, gradient: { _tag: "Cotangent", space, values } })
  return Result.flatMap(meanOf(whole, space.size + 1), (means) =>
    attempt<NonFinite>()(() => ({
      loss,
      gradient: Cotangent.make(space, means.subarray(0, space.size))
    }))
  )
}

/** The gradient of the mean negative log-likelihood on the data's own labels; see `lossAndGradient`. */
export const gradient = <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  options: PassOptions = {}
): Effect.Effect<Cotangent.Cotangent<S>, AverageError | MissingLabels | InvalidLabel, DataSource | Device> =>
  lossAndGradient(conditional, params, options).pipe(Effect.map((both) => both.gradient))

/**
 * The mean negative log-likelihood of the data's own labels, in nats. One forward pass.
 *
 * *Fails*: as `lossAndGradient`.
 */
export const negativeLogLikelihood = Effect.fn("Conditional.negativeLogLikelihood")(function* <
  S extends string
>(
  conditional: Conditional<S>,
  params: Params<S>,
  options: PassOptions = {}
): Effect.fn.Return<number, AverageError | MissingLabels | InvalidLabel, DataSource | Device | Scope.Scope> {
  const loaded = yield* load(conditional, params)
  const [loss] = yield* mean(passOf(conditional, options), 1, (batch) =>
    Effect.all([labelsOf(conditional, batch), evaluate(loaded, batch)]).pipe(
      Effect.flatMap(([labels, outputs]) => Effect.fromResult(lossOf(outputs, labels))),
      Effect.map((loss) => [Float64Array.of(loss)])
    )
  )
  return loss!
}, Effect.scoped)

/** `sum_n KL(p(.|x_n) || q(.|x_n))` of a block. */
const divergenceOf = (
  outputs: Outputs,
  { size, z }: Outputs
): Result.Result<number, NoClosedForm | MissingLabels | ShapeMismatch | InvalidLabel> =>
  Result.flatMap(closedForm(outputs, "The KL divergence"), ({ distribution }) =>
    Result.map(observed(outputs), () => {
      let sum = 0
      for (let n = 0; n < outputs.batch.examples; n++) {
        sum += distribution(n).klDivergence(z.subarray(n * size, (n + 1) * size))
      }
      return sum
    })
  )

/**
 * The mean over x of KL(p_theta(.|x) || p_other(.|x)), in nats. Two forward passes.
 *
 * *Fails*: `NoClosedForm` for a likelihood that is sampled only; `MissingLabels`, `InvalidLabel` for one that weighs by labels; `EmptyData`, `ShapeMismatch`, `NonFinite`, `TensorFailure` and what the source fails with.
 */
export const klDivergence = Effect.fn("Conditional.klDivergence")(function* <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  other: Params<S>,
  options: PassOptions = {}
): Effect.fn.Return<
  number,
  AverageError | NoClosedForm | MissingLabels | InvalidLabel,
  DataSource | Device | Scope.Scope
> {
  const here = yield* load(conditional, params)
  const there = yield* load(conditional, other)
  const [kl] = yield* mean(passOf(conditional, options), 1, (batch) =>
    Effect.all([evaluate(here, batch), evaluate(there, batch)]).pipe(
      Effect.flatMap(([from, to]) => Effect.fromResult(divergenceOf(from, to))),
      Effect.map((sum) => [Float64Array.of(sum)])
    )
  )
  return kl!
}, Effect.scoped)

/**
 * z = f(x, theta) for some x, `[N, C]`: logits or means.
 *
 * *Fails*: `InvalidArgument`, `ShapeMismatch`, `NonFinite`, `TensorFailure`.
 */
export const predict = Effect.fn("Conditional.predict")(function* <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  x: Matrix
): Effect.fn.Return<
  Float32Array,
  TensorFailure | ShapeMismatch | NonFinite | InvalidArgument,
  Device | Scope.Scope
> {
  const inputs = yield* Effect.fromResult(
    attempt<InvalidArgument | ShapeMismatch | NonFinite>()(() => table("x", x))
  )
  const loaded = yield* load(conditional, params)
  const all: Batch = {
    x: inputs.values,
    examples: inputs.rows,
    features: inputs.columns,
    indices: Float64Array.from({ length: inputs.rows }, (_, n) => n)
  }
  const out = new Float32Array(inputs.rows * conditional.network.outputs)
  yield* Stream.make(all).pipe(
    rebatch(blockSizeFor(conditional.network)),
    Stream.runForEach((batch) =>
      evaluate(loaded, batch).pipe(
        Effect.map(({ size, z }) => out.set(z, batch.indices[0]! * size)),
        Effect.andThen(Effect.yieldNow)
      )
    )
  )
  return out
}, Effect.scoped)
