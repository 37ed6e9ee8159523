/**
 * A pipeline of one's own, out of the same stages as `Fisher.estimate`: one walk over the data that gives the Fisher in two
 * structures at once, and reports after every block how far the trace has settled.
 */
import { Effect, Result, Stream } from "effect"
import {
  Accumulator,
  Blocks,
  Conditional,
  DataSource,
  Device,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "natgrad"

const x = Array.from({ length: 200 }, (_, n) => [Math.sin(n), Math.cos(n), Math.sin(2 * n) * Math.cos(n)])
const conditional = Conditional.make(
  Network.sequential(3, [Network.dense(6), Network.tanh, Network.dense(3)]),
  Likelihood.categorical
)
const { space } = conditional.network

export const program = Effect.gen(function* () {
  const sampler = yield* Sampler
  const { kernels } = yield* Device
  const loaded = yield* Conditional.load(conditional, Conditional.init(conditional, { seed: 1 }))
  const traces: Array<number> = []

  const sums = yield* Blocks.blocks({ size: 50, pass: 0 }).pipe(
    Stream.mapEffect((batch) =>
      Effect.gen(function* () {
        const linearization = yield* Conditional.linearize(loaded, batch)
        const draws = yield* sampler.draw(linearization.outputs, 0)
        const cotangents = yield* Effect.fromResult(Draws.cotangents(draws, linearization.outputs))
        const scores = yield* linearization.backprop(cotangents, draws.columns)
        return {
          kfac: yield* Accumulator.reduce(Structure.kfac, scores),
          diagonal: yield* Accumulator.reduce(Structure.diagonal, scores)
        }
      }).pipe(Effect.scoped)
    ),
    Stream.runFoldEffect(
      () => ({
        kfac: Accumulator.empty(Structure.kfac, space),
        diagonal: Accumulator.empty(Structure.diagonal, space)
      }),
      (sum, block) =>
        Effect.gen(function* () {
          const diagonal = yield* Effect.fromResult(Accumulator.combine(sum.diagonal, block.diagonal))
          const kfac = yield* Effect.fromResult(Accumulator.combine(sum.kfac, block.kfac))
          traces.push(Fisher.trace(yield* Effect.fromResult(Accumulator.finish(diagonal, kernels))))
          return { diagonal, kfac }
        })
    )
  )

  const [kfac, diagonal] = Result.getOrThrow(
    Result.all([Accumulator.finish(sums.kfac, kernels), Accumulator.finish(sums.diagonal, kernels)])
  )
  return { examples: kfac.examples, traces, kfac: Fisher.trace(kfac), diagonal: Fisher.trace(diagonal) }
}).pipe(
  Effect.scoped,
  Effect.provide([
    DataSource.fromArrays({ x, batchSize: 32 }),
    Sampler.monteCarlo({ draws: 4, seed: 7 }),
    Device.wasm
  ])
)

if (import.meta.main) console.log(await Effect.runPromise(program))
