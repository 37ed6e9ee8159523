/**
 * What each stage of an estimate costs: the stages of `Fisher.estimate` one after another, with a look at the clock between them.
 *
 * load: parameters onto the device. read: the next block of the data. linearize: forward. sample: draws and their cotangents.
 * backprop: scores. reduce: their moments. fold: these added to the sums, and the block's tensors freed. prepare: what the second of two
 * passes needs. finish: the means, as a Fisher.
 */
import { Effect, Layer, Stream } from "effect"
import {
  Accumulator,
  Blocks,
  Conditional,
  Device,
  Draws,
  Fisher,
  Likelihood,
  type Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { network, noise } from "./stream.ts"
import type { Reading, Turn } from "./turns.ts"
import { problemOf, samplers } from "./workloads.ts"

type Kind = "kfac" | "ekfac" | "dense" | "diagonal"

const kinds: ReadonlyArray<readonly ["a" | "b" | "c" | "d", Kind]> = [
  ["a", "kfac"],
  ["a", "ekfac"],
  ["a", "diagonal"],
  ["b", "dense"],
  ["c", "kfac"],
  ["d", "kfac"]
]

/** Adds up what was spent before each look at it. */
const stopwatch = () => {
  const times = new Map<string, number>()
  let last = performance.now()
  return {
    times,
    lap: (stage: string): void => {
      const now = performance.now()
      times.set(stage, (times.get(stage) ?? 0) + now - last)
      last = now
    }
  }
}

const estimate = Effect.fnUntraced(function* <S extends string>(
  conditional: Conditional.Conditional<S>,
  params: Params.Params<S>,
  structure: Structure.AnyStructure<never>
) {
  const { lap, times } = stopwatch()
  const { kernels } = yield* Device
  const sampler = yield* Sampler
  const loaded = yield* Conditional.load(conditional, params)
  lap("load")
  const block = Effect.fnUntraced(function* (
    batch: Parameters<typeof Conditional.linearize>[1],
    one: Structure.Structure<never>
  ) {
    const { backprop, outputs } = yield* Conditional.linearize(loaded, batch)
    lap("linearize")
    const draws = Draws.collapse(yield* sampler.draw(outputs, 0), outputs)
    const cotangents = yield* Effect.fromResult(Draws.cotangents(draws, outputs))
    lap("sample")
    const scores = yield* backprop(cotangents, draws.columns)
    lap("backprop")
    const sums = yield* Accumulator.reduce(one, scores)
    lap("reduce")
    return sums
  }, Effect.scoped)
  const pass = Effect.fnUntraced(function* (one: Structure.Structure<never>) {
    const { network } = conditional
    const sums = Accumulator.fold(yield* Accumulator.start(one, network.space))
    yield* Blocks.blocks({ size: Blocks.blockSizeFor(network), pass: 0 }).pipe(
      Stream.tap(() => Effect.sync(() => lap("read"))),
      Stream.runForEach((batch) =>
        Effect.map(block(batch, one), (part) => {
          sums.add(part)
          lap("fold")
        })
      )
    )
    return sums.done()
  })
  const sums = yield* Effect.gen(function* () {
    if (!("second" in structure)) return yield* pass(structure)
    const second = yield* Effect.fromResult(
      Fisher.secondPass(structure, yield* pass(structure.first), kernels)
    )
    lap("prepare")
    return yield* pass(second)
  })
  yield* Effect.fromResult(Accumulator.finish(sums, kernels))
  lap("finish")
  return times
}, Effect.scoped)

const readings = (
  workload: string,
  kind: Kind,
  sampler: string,
  times: ReadonlyMap<string, number>
): ReadonlyArray<Reading> =>
  [...times].map(([stage, ms]) => ({ workload, what: `stage ${kind} ${stage}`, sampler, ms }))

/** Of the main structures of each workload, and of K-FAC over a stream of 10,000 examples. */
export const stages = Effect.gen(function* () {
  const turns: Array<Turn<unknown>> = []
  for (const [workload, kind] of kinds) {
    const problem = yield* problemOf(workload)
    for (const sampler of ["exact", "mc1"] as const) {
      turns.push(
        estimate(problem.conditional, problem.params, Structure[kind]).pipe(
          Effect.map((times) => readings(workload, kind, sampler, times)),
          Effect.provide(samplers[sampler]),
          Effect.provideContext(problem.data)
        )
      )
    }
  }
  const examples = 10_000
  const conditional = Conditional.make(network(), Likelihood.categorical)
  turns.push(
    estimate(conditional, Conditional.init(conditional, { seed: 1 }), Structure.kfac).pipe(
      Effect.map((times) =>
        readings("stream", "kfac", "mc1", times).map((reading) => ({ ...reading, examples }))
      ),
      Effect.provide(Layer.mergeAll(samplers.mc1, noise(examples)))
    )
  )
  return turns
})
