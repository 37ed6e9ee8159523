/**
 * Training by natural gradient, as a stream of what each step did.
 *
 * A step takes the next batch of the source, linearises the network there once, and from that one linearisation gets both the
 * gradient on the data's own labels and the sums of the Fisher on labels drawn from the model. The sums are a moving average over
 * steps; the Fisher is finished from them, and its factorisations are computed anew, every `refresh` steps.
 *
 * Every run begins anew: at step 1, pass 0, without average or momentum. It does not go on from another.
 *
 * The stream has no end: take from it what you want (`Stream.take`, `Stream.takeUntil`). The source's passes follow one another.
 */
import { Effect, Schema, type Scope, Stream } from "effect"
import { EmptyData, type InvalidLabel, type MissingLabels, NonFinite } from "../Errors.ts"
import * as Accumulator from "../fisher/Accumulator.ts"
import { Damping } from "../fisher/Damping.ts"
import { type EstimateError, sampledSums } from "../fisher/Estimate.ts"
import type * as Fisher from "../fisher/Fisher.ts"
import type { Fit, Structure } from "../fisher/Structure.ts"
import type { Batch } from "../model/Batch.ts"
import { type Conditional, checkedLabels, linearize, load } from "../model/Conditional.ts"
import * as Cotangent from "../model/Cotangent.ts"
import type * as Params from "../model/Params.ts"
import type * as Tangent from "../model/Tangent.ts"
import { attempt, Decay, decode, PositiveInt } from "../Options.ts"
import { labelGradient } from "../sampling/Averages.ts"
import { batches, type DataError, DataSource } from "../sampling/DataSource.ts"
import type { Sampler } from "../sampling/Sampler.ts"
import { Device } from "../tensor/Device.ts"
import * as NaturalGradient from "./NaturalGradient.ts"

/**
 * Those of a step, and: `sampleEvery`: how many steps from one sampling of y to the next, 1 unless said. `average`: the weight of the
 * past in the moving average of the Fisher's sums at each sampling, 0.95 unless said. `refresh`: how many steps from one Fisher, with
 * its factorisations, to the next, 1 unless said.
 */
export const TrainingOptions = Schema.Struct({
  ...NaturalGradient.StepOptions.fields,
  average: Schema.optionalKey(Decay),
  refresh: Schema.optionalKey(PositiveInt),
  sampleEvery: Schema.optionalKey(PositiveInt)
})

const AllOptions = Schema.Struct({ ...TrainingOptions.fields, damping: Damping, structure: Schema.Any })

/** What one step did: `params` are those after it. */
export interface Report<S extends string> extends NaturalGradient.Step<S> {
  /** Counted from 1. */
  readonly step: number
  /** Examples that the steps have taken so far. */
  readonly examples: number
  /** Mean negative log-likelihood of the batch before the step, in nats. */
  readonly loss: number
}

export type TrainingError = EstimateError | MissingLabels | InvalidLabel | Fisher.OperationError

/** What the Fisher of a training with this damping must be able to do. */
export type Needed<D extends Damping> = Fisher.SolveWith<D> | "apply"

/** The options, with the structure of the Fisher and its damping, which have no default. */
export type Settings<D extends Damping> = typeof TrainingOptions.Type & {
  readonly structure: Structure<Needed<D>>
  readonly damping: D
}

interface State<S extends string, D extends Damping> {
  readonly step: number
  readonly examples: number
  readonly params: Params.Params<S>
  readonly sums: Accumulator.Accumulator<S, Needed<D>>
  readonly fisher: Fisher.Fisher<S, Needed<D>> | undefined
  readonly last: Tangent.Tangent<S> | undefined
}

/**
 * Steps of natural gradient from `params` on, one for each batch of the source.
 *
 * *Fails*: as `Fisher.estimate`, `Fisher.solve` and `Conditional.gradient` do; `InvalidArgument` for an option outside its range.
 * *Cost* of a step: a forward pass, a backward pass for the gradient and for each column of the sampler, a solve and a product.
 */
export const run = <S extends string, const D extends Damping>(
  conditional: Conditional<S>,
  params: Params.Params<S>,
  options: Settings<D> & { readonly structure: Fit<S> }
): Stream.Stream<Report<S>, TrainingError, DataSource | Sampler | Device> => {
  return Stream.unwrap(
    Effect.gen(function* () {
      yield* Effect.fromResult(decode(AllOptions, options))
      const sums = yield* Accumulator.start(options.structure, conditional.network.space)
      const start: State<S, D> = { step: 0, examples: 0, params, sums, fisher: undefined, last: undefined }
      return passes.pipe(
        Stream.mapAccumEffect(
          () => start,
          (state, batch) => step(conditional, options, state, batch)
        )
      )
    })
  )
}

/** The batches of pass after pass. *Fails* `EmptyData` where a pass has none: the next would have none either. */
const passes: Stream.Stream<Batch, DataError | EmptyData, DataSource> = Stream.unwrap(
  DataSource.useSync((source) =>
    Stream.iterate(0, (pass) => pass + 1).pipe(
      Stream.flatMap((pass) =>
        batches(pass).pipe(
          Stream.filter((batch) => batch.examples > 0),
          Stream.orElseIfEmpty(() =>
            Stream.fail(
              new EmptyData({
                what: source.name,
                message: `Pass ${pass} of the data source ${source.name} gave no example. Training needs at least one.`
              })
            )
          )
        )
      )
    )
  )
)

const step = Effect.fnUntraced(function* <S extends string, D extends Damping>(
  conditional: Conditional<S>,
  settings: Settings<D>,
  state: State<S, D>,
  batch: Batch
): Effect.fn.Return<readonly [State<S, D>, ReadonlyArray<Report<S>>], TrainingError, Sampler | Device> {
  const { refresh = 1, sampleEvery = 1 } = settings
  const sampling = state.step % sampleEvery === 0
  const measured = yield* measure(conditional, settings, state, batch, sampling)
  const { kernels } = yield* Device
  const fisher =
    state.fisher === undefined || state.step % refresh === 0
      ? yield* Effect.fromResult(Accumulator.finish(measured.sums, kernels))
      : state.fisher
  const taken = yield* Effect.fromResult(advance(settings, state, fisher, measured.gradient))
  const next: State<S, D> = {
    step: state.step + 1,
    examples: state.examples + batch.examples,
    params: taken.params,
    sums: measured.sums,
    fisher,
    last: taken.update
  }
  yield* Effect.yieldNow
  return [next, [{ ...taken, step: next.step, examples: next.examples, loss: measured.loss }]]
})

/** The loss and the gradient of the batch, and the moving average with the batch's own sums in it, from one linearisation. */
const measure = Effect.fnUntraced(function* <S extends string, D extends Damping>(
  conditional: Conditional<S>,
  { average = 0.95, structure }: Settings<D>,
  state: State<S, D>,
  batch: Batch,
  sampling: boolean
): Effect.fn.Return<
  {
    readonly loss: number
    readonly gradient: Cotangent.Cotangent<S>
    readonly sums: Accumulator.Accumulator<S, Needed<D>>
  },
  TrainingError,
  Sampler | Device | Scope.Scope
> {
  const { likelihood, network } = conditional
  const labels = yield* checkedLabels(likelihood, network.outputs, batch)
  const linearization = yield* linearize(yield* load(conditional, state.params), batch)
  const { gradient, loss } = yield* labelGradient(linearization, labels)
  if (!Number.isFinite(loss)) return yield* nonFiniteLoss(loss)
  const sums = sampling
    ? yield* Effect.fromResult(
        Accumulator.movingAverage(
          state.sums,
          yield* sampledSums(linearization, structure, state.step),
          average
        )
      )
    : state.sums
  return {
    loss: loss / batch.examples,
    gradient: yield* finite(() =>
      Cotangent.make(
        network.space,
        gradient.map((value) => value / batch.examples)
      )
    ),
    sums
  }
}, Effect.scoped)

/** What a log-density of one's own can give beside a finite score. */
const nonFiniteLoss = (loss: number): NonFinite =>
  new NonFinite({
    what: "loss",
    index: 0,
    value: String(loss),
    message: `The loss of a batch is ${loss}. Give outputs, labels or a log-density that float64 holds.`
  })

const finite = <A>(make: () => A): Effect.Effect<A, NonFinite> =>
  Effect.fromResult(attempt<NonFinite>()(make))

/** The natural-gradient step, with what momentum it has. */
const advance = <S extends string, D extends Damping>(
  { damping, learningRate, maxKL, momentum }: Settings<D>,
  { last, params }: State<S, D>,
  fisher: Fisher.Fisher<S, Needed<D>>,
  gradient: Cotangent.Cotangent<S>
) =>
  NaturalGradient.step(params, gradient, fisher, {
    learningRate,
    damping,
    ...(maxKL === undefined ? {} : { maxKL }),
    ...(momentum === undefined ? {} : { momentum }),
    ...(last === undefined ? {} : { last })
  })
