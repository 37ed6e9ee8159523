/**
 * The first-order methods that natural gradient is compared with, on the library's own gradient.
 *
 * *Source*: Polyak 1964 (momentum); Kingma and Ba 2015, algorithm 1 (Adam).
 */
import { Effect, Stream } from "effect"
import { type Batch, Conditional, DataSource, type Errors, Params, Tangent } from "../../src/index.ts"
import type { Problem, Step, Steps } from "./methods.ts"

/** How a gradient becomes an update, from a memory `M` of the gradients before. Never writes to what it is given. */
export interface Rule<M> {
  readonly start: (size: number) => M
  readonly next: (memory: M, gradient: Float32Array) => readonly [update: Float32Array, memory: M]
}

/** v <- mu v - eta g; theta <- theta + v. */
export const momentum = (options: {
  readonly learningRate: number
  readonly momentum: number
}): Rule<Float32Array> => ({
  start: (size) => new Float32Array(size),
  next: (velocity, gradient) => {
    const update = new Float32Array(gradient.length)
    for (let i = 0; i < update.length; i++) {
      update[i] = options.momentum * velocity[i]! - options.learningRate * gradient[i]!
    }
    return [update, update]
  }
})

interface Moments {
  readonly step: number
  readonly first: Float32Array
  readonly second: Float32Array
}

/** m <- b1 m + (1 - b1) g; s <- b2 s + (1 - b2) g^2; theta <- theta - eta m' / (sqrt(s') + eps), both corrected for their start at 0. */
export const adam = (options: {
  readonly learningRate: number
  readonly decay1: number
  readonly decay2: number
  readonly epsilon: number
}): Rule<Moments> => ({
  start: (size) => ({ step: 0, first: new Float32Array(size), second: new Float32Array(size) }),
  next: (memory, gradient) => {
    const { decay1, decay2, epsilon, learningRate } = options
    const step = memory.step + 1
    const first = new Float32Array(gradient.length)
    const second = new Float32Array(gradient.length)
    const update = new Float32Array(gradient.length)
    for (let i = 0; i < update.length; i++) {
      const g = gradient[i]!
      first[i] = decay1 * memory.first[i]! + (1 - decay1) * g
      second[i] = decay2 * memory.second[i]! + (1 - decay2) * g * g
      const scale = Math.sqrt(second[i]! / (1 - decay2 ** step)) + epsilon
      update[i] = (-learningRate * first[i]!) / (1 - decay1 ** step) / scale
    }
    return [update, { step, first, second }]
  }
})

/** Steps of a first-order rule, one for each batch of the source, pass after pass. */
export const firstOrder = <M>({ conditional, start }: Problem, rule: Rule<M>): Steps =>
  Stream.unwrap(
    DataSource.useSync((source) =>
      Stream.iterate(0, (pass) => pass + 1).pipe(
        Stream.flatMap((pass) => source.pass(pass)),
        Stream.mapAccumEffect(
          () => ({ step: 0, params: start, memory: rule.start(start.values.length) }),
          (state, batch) =>
            Effect.gen(function* () {
              const { gradient, loss } = yield* gradientOf(conditional, state.params, batch)
              const [update, memory] = rule.next(state.memory, gradient)
              const params = yield* moved(state.params, update)
              const next: Step = { step: state.step + 1, loss, params }
              yield* Effect.yieldNow
              return [{ ...next, memory }, [next]] as const
            })
        )
      )
    )
  )

const moved = (params: Params.Params<string>, update: Float32Array) =>
  Effect.try({
    try: () => Params.move(params, Tangent.make(params.space, update)),
    catch: (cause) => cause as Errors.NonFinite
  })

/** The mean loss of a batch and its gradient: the same stages as in a step of natural gradient. */
const gradientOf = Effect.fnUntraced(function* (
  conditional: Problem["conditional"],
  params: Params.Params<string>,
  batch: Batch.Batch
) {
  const labels = yield* Conditional.checkedLabels(conditional.likelihood, conditional.network.outputs, batch)
  const linearization = yield* Conditional.linearize(yield* Conditional.load(conditional, params), batch)
  const { gradient, loss } = yield* Conditional.labelGradient(linearization, labels)
  return { loss: loss / batch.examples, gradient: gradient.map((value) => value / batch.examples) }
}, Effect.scoped)
